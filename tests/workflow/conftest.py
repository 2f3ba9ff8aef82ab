"""Runs of the whole workflow on config/tiny.yaml, shared by all tests of the session."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lamo import cli
from lamo.jobs import code_hash

ROOT = Path(__file__).resolve().parents[2]
# One thread per job: results of a run depend on it, and tiny models gain nothing from more.
ONE_THREAD = [
    f"{rule}=1"
    for rule in (
        "world_render",
        "midway_train",
        "decoder_train",
        "predictors_train",
        "metrics_features",
        "metrics_score",
        "metrics_summary",
    )
]


@dataclass(frozen=True)
class Workflow:
    """Snakemake on config/tiny.yaml in a working directory of its own."""

    directory: Path
    config: tuple[str, ...] = ()
    root: Path = ROOT
    """The repository whose Snakefile is run."""

    @property
    def results(self) -> Path:
        return self.directory / "results" / "tiny"

    def command(self, *arguments: str, config: tuple[str, ...] = (), targets: tuple[str, ...] = ()) -> list[str]:
        entries = [*self.config, *config]
        return [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(self.root / "Snakefile")),
            *("--directory", str(self.directory), "--configfile", str(self.root / "config" / "tiny.yaml")),
            *("--cores", "2", "--set-threads", *ONE_THREAD, *arguments),
            *(["--config", *entries] if entries else []),
            *("--", *(f"results/tiny/{target}" for target in targets)),
        ]

    def copied(self, directory: Path) -> "Workflow":
        """A copy to change, or to run for real: tests in other processes may be reading this one."""
        memo = shutil.ignore_patterns("*code_hashes.json*")  # which dry-runs of others replace meanwhile
        return replace(self, directory=Path(shutil.copytree(self.directory, directory, symlinks=True, ignore=memo)))

    def run(
        self, *arguments: str, config: tuple[str, ...] = (), targets: tuple[str, ...] = (), succeeds: bool = True
    ) -> str:
        """Output of one call, standard error included."""
        done = subprocess.run(
            self.command(*arguments, config=config, targets=targets),
            cwd=self.root, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == succeeds, done.stdout[-6000:]
        return done.stdout

    def would_run(self, *config: str) -> set[str]:
        """Rules that a dry-run with other config values lists."""
        output = self.run("--dry-run", config=config)
        assert ("Job stats:" in output) != ("Nothing to be done" in output), output[-6000:]
        lines = output.partition("Job stats:")[2].splitlines()[3:]
        names = (line.split()[0] for line in lines[: lines.index("") if "" in lines else None] if line.strip())
        return {name for name in names if name not in ("all", "total")}

    def jobs(self, *config: str) -> set[str]:
        """Jobs that a dry-run with other config values lists, by their messages without the stage."""
        return listed(self.run("--dry-run", config=config))


@pytest.fixture(autouse=True)
def no_memo(monkeypatch):
    """Hashes of code are computed here, and not taken from what an earlier run in the same folder remembered."""
    monkeypatch.setattr(code_hash, "MEMO", Path("nowhere", "code_hashes.json"))
    code_hash._memo.cache_clear()
    yield
    code_hash._memo.cache_clear()


def listed(output: str) -> set[str]:
    """The jobs that a dry-run names in its output."""
    found = re.findall(r"^Job \d+: Stage \d\d: (.*)$", output, re.MULTILINE)
    assert found or "Nothing to be done" in output, output[-6000:]
    return set(found)


def environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200"}


def make(directory: Path, *config: str) -> Workflow:
    """A working directory in which the configuration is found as in the repository."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config").symlink_to(ROOT / "config")
    return Workflow(directory, config)


@pytest.fixture(scope="session")
def workflow_in():
    """Makes a workflow in a given directory, with config entries of its own."""
    return make


@pytest.fixture
def new_workflow(tmp_path):
    """Makes a workflow in an empty directory, with config entries of its own."""
    return lambda *config: make(tmp_path / "run", *config)


@pytest.fixture(scope="session")
def tiny(made_once):
    """The finished tiny run; tests may read it, or copy it to change it."""

    def run(directory: Path) -> None:
        (directory / "output.txt").write_text(make(directory).run())

    return Workflow(made_once("tiny", run))


@pytest.fixture(scope="session")
def report_page(tiny, tmp_path_factory):
    """The page of the tiny run that `lamo report` writes."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    assert cli.main(["report", str(tiny.results), "-o", str(file), "--windows", "2"]) == 0
    return file


@pytest.fixture(scope="session")
def report_data(report_page):
    """What the page's script reads."""
    text = report_page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])
