"""The matrix of re-runs: what is edited in a copy of the repository or of a finished run, and the jobs that follow.

Every case is a dry-run; the expected jobs are the whole list, no more and no fewer.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from dry_run import called, processes
from rerun_cases import CASES
from rerun_files import flip
from rerun_jobs import FEATURES, FOUND, FRAMES, SHARDS, Case
from workflow.conftest import environment, listed

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = ("lamo", "workflow", "config", "envs", "docs", "profiles", "Snakefile", "README.md", "pyproject.toml")


def copy_repository(to: Path) -> Path:
    """The parts of the repository that the workflow could read."""
    to.mkdir(parents=True)
    for name in REPOSITORY:
        source, ignored = ROOT / name, shutil.ignore_patterns("__pycache__")
        if source.is_dir() and not source.is_symlink():
            shutil.copytree(source, to / name, ignore=ignored, symlinks=True)
        else:
            shutil.copy2(source, to / name, follow_symlinks=False)
    return to


def jobs_of(case: Case, finished, folder: Path, pool) -> set[str]:
    """The jobs that a dry-run lists after the edits of `case`."""
    workflow = finished
    if case.edits:
        root = copy_repository(folder / "repository")
        for file, edit in case.edits.items():
            path = root / file
            before = path.read_text(encoding="utf-8")
            path.write_text(edit(before), encoding="utf-8")
            assert path.read_text(encoding="utf-8") != before, f"{file} was not edited"
        workflow = replace(workflow, root=root)
    if case.change:
        workflow = workflow.copied(folder / "run")
        case.change(workflow.results)
    arguments = workflow.command("--dry-run", config=case.config)[3:]
    status, output = pool.submit(called, arguments, workflow.root, environment(), folder / "output.txt").result()
    assert status == 0, output[-6000:]
    return listed(output)


@pytest.fixture(scope="module")
def outcomes(request, tiny, tmp_path_factory):
    """A future per case that was selected: two dry-runs at a time, since each spends seconds on one core."""
    chosen = [item.callspec.params["case"] for item in request.session.items if item.name.startswith("test_matrix[")]
    with processes(2) as pool, ThreadPoolExecutor(2) as threads:
        yield {c.name: threads.submit(jobs_of, c, tiny, tmp_path_factory.mktemp("case"), pool) for c in chosen}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_matrix(case, outcomes):
    assert outcomes[case.name].result() == case.expected


def test_the_matrix_is_as_large_as_it_should_be_and_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES) >= 60


def test_videos_that_were_rendered_before_the_run_was_stopped_are_decoded_in_the_next(tiny, tmp_path):
    workflow, value = tiny.copied(tmp_path / "run"), "world={cars: 3}"
    workflow.run("--until", "world_render", config=(value,))
    assert workflow.jobs(value) == FOUND | FEATURES


def test_a_store_that_was_written_anew_before_the_run_was_stopped_is_read_in_the_next(tiny, tmp_path):
    # Of other frames: where a store that is written anew has the bytes of the old one, there is nothing to do.
    workflow, value = tiny.copied(tmp_path / "run"), "world={cars: 3}"
    workflow.run("--until", "frames_decode", config=(value,))
    assert workflow.jobs(value) == FRAMES - {f"decoding {shard}" for shard in SHARDS} | FEATURES


def test_an_imported_model_whose_time_is_new_as_after_a_clone_is_not_imported_again(new_workflow, tmp_path):
    weights = shutil.copytree(ROOT / "results" / "weights" / "compact", tmp_path / "weights")
    assert (weights / "model.safetensors").stat().st_size > 1_000_000  # where Snakemake by itself looks at times only
    workflow = new_workflow(f"midway={{checkpoint: {weights}}}", "frames={height: 32, width: 64}")
    target = "02_midway/model.safetensors"
    workflow.run(targets=(target,))
    for path in weights.iterdir():
        os.utime(path)
    assert "Nothing to be done" in workflow.run("--dry-run", targets=(target,))
    flip("model.safetensors")(weights)
    assert "importing the Midway Network" in workflow.run("--dry-run", targets=(target,))
