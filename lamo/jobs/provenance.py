"""Provenance: the record that every job leaves beside its log, of what made its outputs."""

import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.jobs.code_hash import PACKAGE, ROOT, code_modules
from lamo.stores.atomic import write_json
from lamo.stores.checksums import files_below, is_foreign

FORMAT = 1
FOLDER = "provenance"
# Other values change no result, only whether there is one: the share of bad clips that is tolerated; and where the
# listing of the videos lies, a path, whose content counts by `listing` and `videos`.
NOT_IN_KEY = {"listed", "max_quarantined_share"}
PACKAGES = (
    *("av", "lamo", "matplotlib", "numcodecs", "numpy", "pandas", "pillow", "pyarrow", "pydantic", "safetensors"),
    *("scipy", "snakemake", "torch", "torchvision", "zarr"),
)
ONLY_IF_IMPORTED = {"torch", "torchvision"}


class Job:
    """What a job is made of; `key` and the folders are for its script.

    `snakemake` is the object that Snakemake puts into the script; its log is `results/<run>/logs/<stage>/<stem>.log`.
    """

    def __init__(self, snakemake: Any) -> None:
        log = Path(snakemake.log[0])
        self._snakemake = snakemake
        self._results, self._stage, self._stem = log.parents[2], log.parent.name, log.name.removesuffix(".log")
        self._script = ROOT / "workflow" / "scripts" / f"{self._stage[:2]}_{snakemake.rule}.py"
        self._started, self._clock = datetime.now(UTC), time.monotonic()

    @cached_property
    def key(self) -> str:
        """Hash, 16 characters, of code, parameters, wildcards and the content of all inputs; not of where they lie.

        A seed or a sampler may stand in the wildcards alone, which therefore count.
        """
        names = _by_name(self._snakemake.input)
        inputs = {name: [self.inputs[path] for path in paths] for name, paths in names.items()}
        params = {name: value for name, value in self.params.items() if name not in NOT_IN_KEY}
        content = {"inputs": inputs, "params": params, "wildcards": dict(self._snakemake.wildcards.items())}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def results(self) -> Path:
        """The folder of the run that the job writes to."""
        return self._results

    @property
    def name(self) -> str:
        """Of the job among all of the run, e.g. 05_predictors.predictors_train.flow.seed0."""
        return f"{self._stage}.{self._stem}"

    @property
    def folder_for_checkpoints(self) -> Path:
        """Where the states of a training may lie: outside the outputs, which Snakemake removes when a job fails."""
        return self._results / "checkpoints" / self._stage / self._stem

    @property
    def folder_for_events(self) -> Path:
        """Where TensorBoard's files of a training may lie."""
        return self._results / "tensorboard" / self._stage / self._stem

    @cached_property
    def inputs(self) -> dict[str, str]:
        """Hash of the content of every input, by path."""
        return {path: content_hash(path) for path in self._snakemake.input}

    @cached_property
    def params(self) -> dict[str, Any]:
        """The parameters as JSON would give them back."""
        return json.loads(json.dumps(dict(self._snakemake.params.items())))

    @property
    def _named(self) -> tuple[str, ...]:
        """The modules of kinds of predictors that the rule says the script loads by name."""
        return tuple(self.params.get("modules", ()))

    def start(self) -> None:
        """Take note of the code as it is now: it may be edited while the job runs."""
        code_modules(self._script, self._named)
        self._git, self._imported = git_state(), set(sys.modules)

    def write_record(self) -> None:
        """Write the record of the job, whose outputs are there. Raises `LamoError` if one is not."""
        # A module that is imported by a name put together at run time is in no import statement that could be followed.
        loaded = sorted(name for name in set(sys.modules) - self._imported if name.split(".")[0] == PACKAGE)
        record = {
            "format": FORMAT,
            "key": self.key,
            "rule": self._snakemake.rule,
            "results": self._results.as_posix(),
            "wildcards": dict(self._snakemake.wildcards.items()),
            "params": self.params,
            # As Snakemake compares them (`lamo.tools.finished`); JSON keeps no order of keys.
            "params_as_python": {name: repr(value) for name, value in self._snakemake.params.items()},
            # Of the whole run, which planning compares another run with; the job depends on `params` alone.
            "config": self._snakemake.config,
            "code": {
                "hash": self.params["code"],
                "script": self._script.relative_to(ROOT).as_posix(),
                "modules": code_modules(self._script, (*loaded, *self._named)),
            },
            "inputs": self.inputs,
            "outputs": {path: content_hash(path) for path in self._snakemake.output},
            "versions": versions(),
            "device": device(self._snakemake.threads),
            "git": self._git,
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._clock, 3),
        }
        write_json(self._results / FOLDER / self._stage / f"{self._stem}.json", record)


def content_hash(path: str | Path) -> str:
    """SHA-256 of a file; of the manifest that stands beside a store; of names and files of any other folder.

    A manifest has the checksum of every file of its store, so that terabytes need not be read for each job. Foreign
    files in a folder do not count. Raises `LamoError` if there is nothing at `path`.
    """
    path = Path(path)
    manifest = path.with_suffix(".manifest.json")
    if path.is_dir() and not manifest.is_file():
        files = sorted(path / name for name in files_below(path) if not is_foreign(name))
        content = json.dumps([[file.relative_to(path).as_posix(), _sha256(file)] for file in files])
        return hashlib.sha256(content.encode()).hexdigest()
    return _sha256(manifest if path.is_dir() else path)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise LamoError(f"{path}: not found, expected a file or folder that is hashed; run what writes it") from None


def _by_name(files: Any) -> dict[str, list[str]]:
    """The files of a rule's `input` by name; those without one come first in a rule and are named by ''."""
    named = {name: [value] if isinstance(value, str) else list(value) for name, value in files.items()}
    return {"": list(files)[: len(files) - sum(map(len, named.values()))], **named}


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of those packages that are installed (PyTorch: imported), without importing any."""
    found = {"python": platform.python_version()}
    for package in packages:
        if package in ONLY_IF_IMPORTED and package not in sys.modules:
            continue
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # the environments of rules hold only what their scripts need
            continue
    return found


def device(threads: int) -> dict[str, Any]:
    """CPU, GPUs that PyTorch sees (where the job imported it), processes, and threads of all on each machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    torch: Any = sys.modules.get("torch")
    gpus = range(torch.cuda.device_count()) if torch and torch.cuda.is_available() else []
    return {
        "cpu": names[0] if names else platform.machine(),
        "gpus": [torch.cuda.get_device_name(number) for number in gpus],
        "processes": int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1"))),
        "threads": threads,
    }


def git_state(root: Path = ROOT) -> dict[str, Any] | None:
    """Commit of the checkout at `root`, and whether its code differs from it; None where it is no checkout."""
    try:
        if Path(_git(root, "rev-parse", "--show-toplevel")).resolve() != root:
            return None
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain", "--", PACKAGE, "workflow"))}
    except (FileNotFoundError, subprocess.CalledProcessError):  # no git, or no repository: code may come as an archive
        return None


def _git(root: Path, *arguments: str) -> str:
    # Jobs run side by side, and none may hold a lock of the repository.
    command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()
