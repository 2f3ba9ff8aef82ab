"""Code hash of the scripts of this repository: an edit reaches the scripts that use what was edited, and no others."""

import shutil
from pathlib import Path

import pytest

from lamo.jobs import code_hash as hashing
from lamo.jobs.code_hash import ROOT, code_hash


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    root = tmp_path_factory.mktemp("repository")
    for name in ("lamo", "workflow"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def hashes(root: Path) -> dict[str, str]:
    for function in (hashing._code_modules, hashing._read, hashing._module_path):
        function.cache_clear()
    return {path.stem: code_hash(path, root=root) for path in sorted((root / "workflow/scripts").glob("*.py"))}


FIGURES = {"07_metrics_figures", "07_metrics_probe", "07_metrics_token_groups"}


@pytest.mark.parametrize(
    ("file", "line", "changed"),
    [
        ("lamo/report/style.py", "\nNEW = 1\n", FIGURES),
        ("lamo/report/sheet.py", "\nNEW = 1\n", {"07_metrics_videos"}),
        ("lamo/decoder/training.py", "\nNEW = 1\n", {"04_decoder_train"}),
        ("lamo/midway/extraction.py", "\nNEW = 1\n", {"03_latents_encode"}),
        ("lamo/rollout/controls.py", "\nNEW = 1\n", {"06_rollouts_controls", "07_metrics_token_groups"}),
        ("lamo/statistics/ridge.py", "\nNEW = 1\n", {"07_metrics_probe"}),
        ("lamo/midway/network.py", "\n# a comment\n", set()),
        ("lamo/jobs/job.py", "\nNEW = 1\n", set()),
        ("lamo/config.py", "\nNEW = 1\n", set()),
    ],
)
def test_edit_of_a_module_reaches_the_scripts_that_use_it(repository, file, line, changed):
    before, path = hashes(repository), repository / file
    text = path.read_text()
    path.write_text(text + line)
    after = hashes(repository)
    path.write_text(text)
    assert {name for name in before if before[name] != after[name]} == changed


def test_errors_reach_every_script(repository):
    before, path = hashes(repository), repository / "lamo" / "errors.py"
    text = path.read_text()
    path.write_text(text + "\nNEW = 1\n")
    after = hashes(repository)
    path.write_text(text)
    assert all(before[name] != after[name] for name in before)
