"""`midway.checkpoint` in place of training: a published checkpoint, or the model of another run."""

import csv
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from published_layout import published_content, write_published
from safetensors.torch import load_file

from lamo.midway.network import Midway
from lamo.midway.published import published_config

MODEL = ("02_midway/model.safetensors",)


def published(path: Path, image: tuple[int, int] = (16, 32)) -> Midway:
    """Writes a checkpoint of a tiny published form; its own model."""
    torch.manual_seed(0)
    encoder = {"patch": 8, "width": 24, "depth": 4, "heads": 3, "levels": (0, 1, 2, 3)}
    inverse = {"tokens": 3, "width": 12, "depth": 1, "heads": 3}
    model = Midway(published_config(encoder, inverse, {"depth": 2, "heads": 2, "lateral_heads": 2}), image)
    write_published(path, published_content(model))
    return model


def error(output: str) -> str:
    assert "Traceback" not in output
    lines = [line for line in output.splitlines() if line.startswith(("error in rule", "config:"))]
    assert len(lines) == 1
    return lines[0]


def test_a_published_checkpoint_serves_every_later_stage(new_workflow, tmp_path):
    model = published(tmp_path / "checkpoint.pth")
    checkpoint = f"midway={{checkpoint: {tmp_path / 'checkpoint.pth'}}}"
    workflow = new_workflow(checkpoint)
    output = workflow.run()
    assert "midway_import" in output
    assert "midway_train" not in output
    weights = load_file(workflow.results / MODEL[0])
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    with (workflow.results / "07_metrics" / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {"flow", "gmm", "state", "oracle_motion", "shuffled_motion"} < {row["method"] for row in rows}
    # Of one sample there is neither spread nor coverage, of few windows no Frechet distance.
    named = ("psnr", "ssim", "sharpness", "energy_score", "kid_world")
    always = [row["mean"] for row in rows if row["metric"] in named]
    assert len(always) == 5 * 3 * len({(row["method"], row["sampler"]) for row in rows})
    assert all(math.isfinite(float(mean)) for mean in always)
    assert (workflow.results / "07_metrics" / "contact_sheet.png").exists()
    assert not (workflow.results / "07_metrics" / "figures" / "midway.png").exists()
    assert (workflow.results / "07_metrics" / "figures" / "token_groups.png").exists()
    assert workflow.would_run() == set()
    # The same run with a model of its own trains, also where the imported one is newer than the frames; touching the
    # checkpoint does nothing.
    for name in MODEL:
        os.utime(workflow.results / name)
    assert "midway_train" in workflow.would_run("midway={checkpoint: null}")
    os.utime(tmp_path / "checkpoint.pth", (0, 0))
    assert workflow.would_run() == set()


@pytest.mark.parametrize("name", ["", "/model.safetensors"])
def test_the_model_of_another_run_is_taken_as_it_is(new_workflow, tmp_path, name):
    published(tmp_path / "checkpoint.pth").save(tmp_path / "other")
    workflow = new_workflow(f"midway={{checkpoint: {tmp_path}/other{name}}}")
    workflow.run(targets=MODEL)
    assert (workflow.results / MODEL[0]).read_bytes() == (tmp_path / "other" / "model.safetensors").read_bytes()


def test_a_training_begins_with_the_model_of_another_run(tiny, tmp_path):
    given = tmp_path / "given"
    shutil.copytree(tiny.results / "02_midway", given)
    start = f"midway={{training: {{start: {given}, steps: 3}}}}"
    workflow = replace(tiny.copied(tmp_path / "copy"), config=(start,))
    output = workflow.run(targets=MODEL)
    assert "encoder pre-training" not in output
    before, after = (load_file(folder / "model.safetensors") for folder in (given, workflow.results / "02_midway"))
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in before if name.startswith(("student.", "teacher."))} <= same
    assert "motion_proj.weight" not in same
    assert "midway_train" not in workflow.would_run()
    # Other weights in the same place begin another training.
    shutil.copy(workflow.results / MODEL[0], given)
    assert "midway_train" in workflow.would_run()


def test_a_checkpoint_for_other_frames_is_refused(new_workflow, tmp_path):
    published(tmp_path / "checkpoint.pth", (32, 32))
    found = error(new_workflow(f"midway={{checkpoint: {tmp_path}/checkpoint.pth}}").run(targets=MODEL, succeeds=False))
    assert found.startswith("error in rule midway_import: frames: found 16 x 32, but the model in")
    assert "needs {height: 32, width: 32}" in found


def test_levels_that_the_checkpoint_has_not_are_refused(new_workflow, tmp_path):
    published(tmp_path / "checkpoint.pth")
    workflow = new_workflow(f"midway={{checkpoint: {tmp_path}/checkpoint.pth}}", "latents={levels: [0, 4]}")
    found = error(workflow.run(targets=("03_latents/latents/val/0.zarr",), succeeds=False))
    assert found.endswith("latents.levels: found [0, 4], but the Midway Network has levels 0 to 3")


def test_a_checkpoint_that_calls_something_is_refused_and_does_not_run(new_workflow, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "canary"),)

    torch.save({"student": Hostile()}, tmp_path / "checkpoint.pth")
    found = error(new_workflow(f"midway={{checkpoint: {tmp_path}/checkpoint.pth}}").run(targets=MODEL, succeeds=False))
    assert "checkpoint.pth: not a full published Midway checkpoint: part 'student' is an object of posix.mkdir" in found
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("nowhere.pth", "found no file nowhere.pth; expected a published checkpoint, or a folder with"),
        ("config", "found no file config/model.safetensors, config/config.json"),
        ("nowhere/model.safetensors", "found no file nowhere/model.safetensors, nowhere/config.json"),
    ],
)
def test_a_missing_checkpoint_stops_before_anything_runs(new_workflow, path, expected):
    output = new_workflow(f"midway={{checkpoint: {path}}}").run(succeeds=False)
    assert error(output).startswith(f"config: midway.checkpoint: {expected}")


def test_a_run_does_not_import_its_own_model(new_workflow, tmp_path):
    workflow = new_workflow("midway={checkpoint: results/tiny/02_midway}")
    published(tmp_path / "checkpoint.pth").save(workflow.results / "02_midway")
    assert "results/tiny/02_midway is what this run itself writes" in error(workflow.run(succeeds=False))
