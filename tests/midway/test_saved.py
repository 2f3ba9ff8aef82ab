"""Networks that were saved before there were forms, and by versions to come."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lamo.errors import LamoError
from lamo.midway.config import MidwayConfig
from lamo.midway.network import Midway
from lamo.midway.saved import read_saved
from lamo.midway.upstream.importing import import_checkpoint

WEIGHTS = Path(__file__).resolve().parents[2] / "results" / "weights" / "compact"
OLD_PUBLISHED = {
    "inverse": {
        "pairing": "tokens", "correlation_radius": 0, "anchors": False, "position": "learned",
        "normalise_tokens": False,
    },
    "forward": {"tokens": "prefix", "gate_bias": 4.0, "laterals": True},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the weights that a version before the forms saved."""
    return Path(shutil.copytree(WEIGHTS, tmp_path / "old"))


def change(folder: Path, **sections) -> None:
    """Change settings of sections of the saved network."""
    file = folder / "config.json"
    saved = json.loads(file.read_text(encoding="utf-8"))
    for section, values in sections.items():
        saved["midway"][section] |= values
    file.write_text(json.dumps(saved), encoding="utf-8")


def settings(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))["midway"]


def test_switches_of_before_are_read_as_the_form_that_they_say(folder):
    assert "form" not in settings(folder)
    saved = read_saved(folder)
    assert saved.config.form == "compact"
    assert (saved.config.encoder.levels, saved.config.inverse.tokens, saved.image) == ((0, 3), 30, (32, 64))
    assert saved.training["steps"] == 7000
    change(folder, **OLD_PUBLISHED)
    assert read_saved(folder).config.form == "published"


def test_weights_of_before_load_and_are_saved_as_this_version_saves(folder, tmp_path):
    model = Midway.load(folder)
    model.save(tmp_path / "new")
    before, after = (load_file(one / "model.safetensors") for one in (folder, tmp_path / "new"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    new = settings(tmp_path / "new")
    assert new.keys() == {"form", "encoder", "inverse", "forward", "training"}
    assert new["training"] == settings(folder)["training"]
    assert read_saved(tmp_path / "new").config == model.config
    imported = import_checkpoint(MidwayConfig(checkpoint=str(folder)), (32, 64))
    assert imported.config == model.config


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"inverse": {"anchors": False}}, "'compact', the nearest, in midway.inverse.anchors: found False, expected"),
        ({"forward": {"laterals": True}}, "midway.forward.laterals: found True, expected False"),
        ({"recurrence": {"top": "predicted"}}, "midway.recurrence.top: found 'predicted', expected 'held'"),
        ({"recurrence": {"projection": "scale"}}, "midway.recurrence.projection: found 'scale', expected 'norm'"),
        (
            OLD_PUBLISHED | {"forward": OLD_PUBLISHED["forward"] | {"gate_bias": 2.0}},
            "'published', the nearest, in midway.forward.gate_bias: found 2.0, expected 4.0",
        ),
    ],
)  # fmt: skip
def test_mixtures_that_are_no_form_are_refused(folder, sections, words):
    change(folder, **sections)
    with pytest.raises(LamoError) as caught:
        Midway.load(folder)
    message = str(caught.value)
    assert message.startswith(f"{folder}/config.json: saved by a version with a switch for every part.")
    assert words in message
    assert message.endswith("load it with version a216500, or train it again with midway.form")


@pytest.mark.parametrize("training", [{"steps": "many", "unknown": 3}, None, [1]])
def test_the_record_of_the_training_cannot_make_loading_fail(folder, training):
    file = folder / "config.json"
    saved = json.loads(file.read_text(encoding="utf-8"))
    saved["midway"]["training"] = training
    file.write_text(json.dumps(saved), encoding="utf-8")
    assert Midway.load(folder).form.name == "compact"


def test_settings_of_versions_to_come_are_refused(make_midway, tmp_path):
    make_midway("compact").save(tmp_path)
    change(tmp_path, inverse={"sparse": True})
    with pytest.raises(LamoError, match=r"config\.json: midway\.inverse\.sparse: Extra inputs .* train it again"):
        Midway.load(tmp_path)


@pytest.mark.parametrize("content", [{}, {"midway": {}, "image": [32, 64]}, {"midway": 3, "image": [32, 64]}])
def test_settings_of_something_else_are_refused(folder, content):
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(LamoError, match=r"config\.json: not the settings of a Midway Network"):
        read_saved(folder)
