"""Records of jobs and their keys, on small made inputs."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import InputFiles, OutputFiles, Params, Wildcards

from lamo.errors import LamoError
from lamo.jobs.job import job
from lamo.jobs.provenance import Job, content_hash, git_state, versions

PARAMS = {
    "code": "0123456789abcdef",
    "predictor": {"lr": 0.1, "sizes": (1, 2)},
    "listed": "a",
    "max_quarantined_share": 0.1,
}


@pytest.fixture
def snakemake(tmp_path, monkeypatch):
    """A job of rule predictors_train with two files as input, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return make_job()


def make_job(folder: str = "results/run", params: dict | None = None, **wildcards: str) -> SimpleNamespace:
    """Writes the inputs and outputs of a job to `folder` and returns what Snakemake would hand to its script."""
    for name in ("a", "b", "model"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, name).write_text(f"content of {name}")
    files = InputFiles([f"{folder}/a", f"{folder}/b"])
    files._set_name("train", 0, 2)
    return SimpleNamespace(
        log=[f"{folder}/logs/05_predictors/predictors_train.flow.seed0.log"],
        rule="predictors_train",
        wildcards=Wildcards(fromdict={"predictor": "flow", "seed": "0", **wildcards}),
        params=Params(fromdict={**PARAMS, **(params or {})}),
        input=files,
        output=OutputFiles(fromdict={"model": f"{folder}/model"}),
        threads=2,
        resources={},
        config={"run": "run", "seed": 0},
    )


def record(snakemake) -> dict:
    with job(snakemake):
        pass
    return json.loads(Path("results/run/provenance/05_predictors/predictors_train.flow.seed0.json").read_text())


def test_record_says_what_made_the_outputs(snakemake):
    found = record(snakemake)
    assert found["rule"] == "predictors_train"
    assert found["wildcards"] == {"predictor": "flow", "seed": "0"}
    assert found["params"]["predictor"] == {"lr": 0.1, "sizes": [1, 2]}
    assert found["config"] == {"run": "run", "seed": 0}
    assert found["code"]["hash"] == PARAMS["code"]
    assert {"workflow/scripts/05_predictors_train.py", "lamo/predictors/train.py"} <= set(found["code"]["modules"])
    assert not any(path.startswith("lamo/jobs") for path in found["code"]["modules"])
    assert found["inputs"] == {f"results/run/{name}": content_hash(f"results/run/{name}") for name in ("a", "b")}
    assert found["outputs"] == {"results/run/model": content_hash("results/run/model")}
    assert found["key"] == Job(snakemake).key
    assert {"python", "numpy", "snakemake", "lamo"} <= set(found["versions"])
    assert (found["device"]["threads"], found["device"]["processes"]) == (2, 1)
    assert found["started"].endswith("+00:00")
    assert found["seconds"] >= 0


def test_failed_job_leaves_no_record(snakemake):
    with pytest.raises(SystemExit), job(snakemake):
        raise LamoError("no")
    assert not Path("results/run/provenance").exists()


def test_output_that_was_not_written_is_named(snakemake, capsys):
    with pytest.raises(SystemExit), job(snakemake):
        Path("results/run/model").unlink()
    assert "results/run/model: not found" in capsys.readouterr().err
    assert not Path("results/run/provenance").exists()


def test_module_that_the_body_imports_by_name_is_recorded(snakemake, monkeypatch):
    import importlib
    import sys

    monkeypatch.delitem(sys.modules, "lamo.report.style", raising=False)
    with job(snakemake):
        importlib.import_module("lamo.report." + "style")
    path = Path("results/run/provenance/05_predictors/predictors_train.flow.seed0.json")
    assert "lamo/report/style.py" in json.loads(path.read_text())["code"]["modules"]


def test_key_is_the_same_wherever_the_files_lie(snakemake):
    key = Job(snakemake).key
    assert len(key) == 16
    assert Job(make_job("results/other")).key == key
    assert Job(make_job(params={"listed": "b", "max_quarantined_share": 0.5})).key == key


def test_key_follows_what_the_result_depends_on(snakemake):
    jobs = [
        snakemake,
        make_job(params={"code": "fedcba9876543210"}),
        make_job(params={"predictor": {"lr": 0.2}}),
        make_job(seed="1"),
    ]
    keys = [Job(one).key for one in jobs]
    swapped = make_job()
    swapped.input.reverse()
    swapped.input._set_name("train", 0, 2)
    renamed = make_job()
    renamed.input._names = {"val": (0, 2)}
    renamed.input.val = renamed.input.train
    keys += [Job(swapped).key, Job(renamed).key]
    Path("results/run/b").write_text("other content")
    keys.append(Job(snakemake).key)
    assert len(set(keys)) == len(keys)


def test_checkpoints_lie_outside_the_outputs(snakemake):
    folder = Path("results/run/checkpoints/05_predictors/predictors_train.flow.seed0")
    assert Job(snakemake).folder_for_checkpoints == folder


def test_hash_of_a_folder_is_that_of_names_and_content(tmp_path):
    one = tmp_path / "one"
    (one / "deep").mkdir(parents=True)
    (one / "deep" / "x").write_text("x")
    other = tmp_path / "other"
    shutil.copytree(one, other)
    (other / ".snakemake_timestamp").touch()
    assert content_hash(one) == content_hash(other)
    (other / "deep" / "x").rename(other / "deep" / "y")
    renamed = content_hash(other)
    (other / "deep" / "y").write_text("y")
    assert len({content_hash(one), renamed, content_hash(other)}) == 3


def test_hash_of_a_store_is_that_of_its_manifest(tmp_path):
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    store.mkdir()
    manifest.write_text("{}")
    assert content_hash(store) == content_hash(manifest)


def test_git_state_of_a_checkout_and_of_none(tmp_path):
    assert git_state(tmp_path) is None
    (tmp_path / "lamo").mkdir()
    (tmp_path / "workflow").mkdir()
    (tmp_path / "lamo" / "a.py").touch()
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "--message", "a"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    state = git_state(tmp_path)
    assert len(state["commit"]) == 40
    assert not state["dirty"]
    (tmp_path / "lamo" / "b.py").touch()
    assert git_state(tmp_path) == {"commit": state["commit"], "dirty": True}
    assert git_state(tmp_path / "lamo") is None, "a folder inside another repository is no checkout of this code"


def test_packages_that_are_not_there_are_left_out():
    assert versions(["numpy", "no-such-package"]).keys() == {"python", "numpy"}
