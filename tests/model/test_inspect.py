"""`lamo inspect`: says what a path is, for people and for programs, and opens no values."""

import json
import shutil

import pytest
import torch
from safetensors.torch import save_file

from lamo.cli import main
from lamo.config import Config
from lamo.stores.atomic import write_json


@pytest.fixture
def inspect(capsys):
    """Runs the command with --json; returns what it found."""

    def run(path):
        assert main(["inspect", str(path), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_a_world_model_and_its_networks(inspect, model_dir):
    found = inspect(model_dir / "model")
    assert found["kind"] == "world model"
    assert found["run"] == "tiny"
    assert set(found["weights"]) == {"midway", "decoder", "predictors/flow", "predictors/gmm"}
    network = inspect(model_dir / "model" / "decoder")
    assert network["kind"] == "trained network"
    assert network["values"] == found["weights"]["decoder"] == network["types"]["F32"] > 1000
    assert "decoder" in str(network["configuration"])


def test_a_run(inspect, model_dir, tmp_path):
    run = tmp_path / "run"
    (run / "provenance").mkdir(parents=True)
    write_json(run / "config.json", Config().model_dump(mode="json", by_alias=True))
    shutil.copytree(model_dir / "model", run / "model")
    found = inspect(run)
    assert (found["kind"], found["run"], found["videos"]) == ("run", "demo", "the synthetic world")
    assert found["predictors"]["flow"] == ["4", "50"]
    assert set(found["stages on disk"]) == {"model"}
    assert found["tables"].startswith("none yet")
    (run / "07_metrics").mkdir()
    (run / "07_metrics" / "table.md").touch()
    assert inspect(run)["tables"] == [str(run / "07_metrics" / "table.md")]


def test_a_store_by_its_folder_or_its_manifest(inspect, tmp_path):
    write_json(
        tmp_path / "0.manifest.json",
        {
            "format": 2,
            "kind": "frames",
            "arrays": {"frames": {"shape": [7, 8, 16, 3], "dtype": "uint8"}},
            "files": {"zarr.json": {}},
            "facts": {"clips": 2, "frames": 7},
        },
    )
    assert inspect(tmp_path / "0.manifest.json")["size"] == "the store is missing"
    (tmp_path / "0.zarr").mkdir()
    (tmp_path / "0.zarr" / "zarr.json").write_bytes(b"x" * 1500)
    for name in ("0.zarr", "0.manifest.json"):
        found = inspect(tmp_path / name)
        assert (found["kind"], found["holds"], found["clips"]) == ("store", "frames", 2)
        assert found["arrays"] == {"frames": "uint8 [7, 8, 16, 3]"}
        assert found["size"] == "1.50 kB"


def test_a_checkpoint_and_the_folder_of_some(inspect, tmp_path):
    for step in (1000, 200):
        folder = tmp_path / f"step-{step:09d}"
        folder.mkdir()
        (folder / "state.json").write_text("{}")
        save_file({"a": torch.zeros(3, 5), "b": torch.zeros(2, dtype=torch.int64)}, folder / "tensors.safetensors")
    assert inspect(tmp_path)["steps"] == [200, 1000]
    found = inspect(folder)
    assert (found["kind"], found["step"], found["types"]) == ("checkpoint", 200, {"F32": 15, "I64": 2})
    assert inspect(folder / "tensors.safetensors")["kind"] == "file of tensors"


def test_for_people_it_is_yaml(model_dir, capsys):
    assert main(["inspect", str(model_dir / "model")]) == 0
    assert capsys.readouterr().out.startswith("kind: world model\npath: ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "found nothing, expected a file or folder that LaMo wrote"),
        ("notes.txt", "found nothing of LaMo's, expected one of world model, run"),
        ("damaged.safetensors", "cannot be read"),
    ],
)
def test_what_it_cannot_describe_is_said_in_one_line(tmp_path, capsys, name, message):
    if name != "nowhere":
        (tmp_path / name).write_text("text")
    assert main(["inspect", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
