"""CONTRIBUTING.md: what its recipes say is written to a copy of the repository, and works there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# A new file, or an addition below a line of a file; then the code.
STEP = re.compile(r"^(?:In )?`([\w./]+)`(?:, below `([^`\n]+)`)?:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps(recipe: str) -> list[tuple[str, str, str]]:
    """Path, the beginning of the line that the code goes below (empty for a new file), and the code."""
    part = PAGE.split(f"<!-- recipe: {recipe} -->")[1].split("<!-- end -->")[0]
    return STEP.findall(part)


@pytest.fixture
def repository(tmp_path) -> Path:
    """A copy of code, configurations and tests, in which nothing is installed."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("lamo", "config", "workflow", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def carry_out(recipe: str, repository: Path) -> list[str]:
    """Do what the recipe says, and nothing else; the paths of the files that it touches."""
    for path, below, code in steps(recipe):
        file = repository / path
        if below:
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            (at,) = [number for number, line in enumerate(lines) if line.startswith(below)]
            file.write_text("".join([*lines[: at + 1], code, *lines[at + 1 :]]), encoding="utf-8")
        else:
            assert not file.exists(), f"{path} is there already"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(code, encoding="utf-8")
    return [path for path, _, _ in steps(recipe)]


def python(repository: Path, *arguments: str) -> str:
    """What a program prints that imports the copy."""
    # The tests of the copy are a run of their own, not one of the processes that share these tests.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**inherited, "PYTHONPATH": f"{repository}{os.pathsep}{repository / 'tests'}"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return done.stdout.strip()


def passed(repository: Path, *arguments: str) -> int:
    """How many tests of the copy passed; none may fail."""
    summary = python(repository, "-m", "pytest", "-p", "no:cacheprovider", *arguments).splitlines()[-1]
    return int(re.findall(r"(\d+) passed", summary)[0])


@pytest.mark.parametrize("recipe", ["predictor", "data set", "metric"])
def test_code_of_the_recipes_has_the_style_of_the_repository(recipe, repository):
    paths = [path for path in carry_out(recipe, repository) if path.endswith(".py")]
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, *paths]
        done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


PREDICTOR = """
import torch
from lamo.config import load_config
from lamo.jobs.code_hash import code_modules
from lamo.predictors.build import build_predictor, load_predictor, save_predictor
from lamo.predictors.interface import Context, Geometry
from lamo.predictors.kinds import find_kind, kind_module

entry = {"kind": "gaussian", "samplers": ["sample", "mean"], "log_sigma_min": -3.0, "history": 2}
backbone = {"depth": 1, "width": 16, "heads": 2}
predictors = load_config({"predictors": {"entries": {"mine": entry}, "backbone": backbone}}).predictors
print([row.label for row in predictors.rows() if row.entry == "mine"])

config = predictors.of("mine")
geometry = Geometry(history=2, levels=2, tokens=3, motion_width=4, grid=(2, 3), state_width=5)
model = build_predictor(config, geometry)
context = Context(torch.randn(4, 2, 2, 3, 4), torch.randn(4, 3, 6, 5))
target = torch.randn(4, 2, 3, 4)
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
losses = []
for step in range(60):
    optimizer.zero_grad()
    loss = model.loss(context, target, torch.Generator().manual_seed(step))
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0] - 0.3, losses

save_predictor("saved", model, config, geometry)
loaded = load_predictor("saved")
kind = find_kind("gaussian")
for name in ("sample", "mean"):
    sampler = kind.parse(name, "mine")
    draws = [m.sample(context, sampler, torch.Generator().manual_seed(1)) for m in (model.eval(), loaded)]
    assert torch.equal(*draws)
    assert draws[0].shape == target.shape
print(kind_module("gaussian"))
"""


def test_a_predictor_head(repository):
    touched = carry_out("predictor", repository)
    assert all(path.startswith("lamo/predictors/gaussian/") for path in touched)
    labels, module = python(repository, "-c", PREDICTOR).splitlines()
    assert labels == "['mine', 'mine-mean']"
    assert module == "lamo.predictors.gaussian.kind"
    # The contract of all kinds with its own sampler, and the tests that look at what a new kind touches.
    assert passed(repository, "tests/predictors/test_contract.py", "-k", "gaussian") >= 10
    layout = "tests/workflow/test_layout.py::test_kinds_of_predictors_are_listed_nowhere"
    passed(repository, "tests/predictors/test_kinds.py", layout)
    passed(repository, "tests/test_config.py", "-k", "generated")


DATA_SET = """
import yaml
from lamo.config import load_config
from lamo.dataset.discover import find_videos

raw = yaml.safe_load(open("config/cities.yaml"))
config = load_config(raw).videos
found = find_videos(config, config.root, {"train": 2, "val": 1})
print(dict(zip(found["id"], found["split"], strict=True)))
"""


def test_a_data_set(repository):
    assert carry_out("data set", repository) == ["lamo/dataset/cities.py", "config/cities.yaml"]
    for name in ("bergen/a.mov", "bergen/b.mov", "oslo/a.mov"):
        file = repository / "path/to/cities" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    found = python(repository, "-c", DATA_SET)
    assert found == "{'bergen/a': 'train', 'bergen/b': 'train', 'oslo/a': 'val'}"


METRIC = """
import numpy as np
from scored_run import score_all
from lamo.metrics.config import MetricsConfig
from lamo.metrics.scores import RolloutSet
from lamo.report.tables import make_grid, table_markdown
from lamo.stores.rollouts import Rollouts, Window

random = np.random.default_rng(0)
windows = [Window(f"clip-{number}", 0) for number in range(8)]
frames = random.integers(0, 256, (2, 8, 1, 5, 12, 16, 3), dtype=np.uint8)
nothing = np.full((8, 1, 5), np.nan, np.float32)
predicted, truth = (Rollouts(one, nothing, nothing, nothing[:, 0], windows, True) for one in frames)
config = MetricsConfig.model_validate({"horizons_s": [0.2, 1.0], "bootstrap": {"resamples": 100, "frechet_groups": 20}})
sets = [RolloutSet("persistence_pixels", "-", None, predicted, predicted)]
scores = score_all(sets, truth, truth, config, 5.0)

rows = [row for row in scores.values.to_pylist() if row["metric"] == "mae"]
for row in rows:
    at = (int(row["clip"][5:]), 0, row["step"] - 1)
    naive = np.abs(frames[0][at].astype(float) - frames[1][at]).mean() / 255
    assert abs(row["value"] - naive) < 1e-5, (row, naive)
print(len(rows))
table = table_markdown(make_grid(scores, (0.2, 1.0), "a run", "midway"))
print("MAE ↓" in table, "mean absolute error of single frames" in table)
"""


def test_a_metric(repository):
    assert carry_out("metric", repository) == ["lamo/metrics/catalogue.py", "lamo/metrics/pixel.py"]
    assert python(repository, "-c", METRIC).splitlines() == [str(8 * 5), "True True"]
    passed(
        repository,
        "tests/metrics/test_catalogue.py",
        "tests/metrics/test_comparisons.py",
        "tests/report/test_tables.py",
    )
