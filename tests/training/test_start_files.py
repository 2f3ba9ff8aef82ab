"""What trainings begin with is looked for before anything runs."""

import re
from pathlib import Path

import pytest

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.training.start import differences, given_paths, start_files

OF_FLOW = "predictors.entries.flow.training.start"


@pytest.fixture
def other(tmp_path):
    """The folder of another run, with models and statistics."""
    for folder in ("02_midway", "04_decoder", "05_predictors/flow/seed0"):
        for name in ("model.safetensors", "config.json"):
            write(tmp_path / "other" / folder / name)
    write(tmp_path / "other/03_latents/statistics.safetensors")
    return tmp_path / "other"


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def settings(run: Path) -> dict:
    return {
        "midway": {"training": {"start": f"{run}/02_midway"}},
        "latents": {"statistics": f"{run}/03_latents/statistics.safetensors"},
        "decoder": {"training": {"start": f"{run}/04_decoder"}},
        "predictors": {"entries": {"flow": {"training": {"start": f"{run}/05_predictors/flow/seed0"}}}},
    }


def model(folder: Path) -> list[str]:
    return [f"{folder}/model.safetensors", f"{folder}/config.json"]


def test_a_run_begins_with_nothing_unless_told(tmp_path):
    assert set(map(tuple, start_files(load_config({}), str(tmp_path / "own")).values())) == {()}


def test_every_stage_begins_with_the_files_of_another_run(other, tmp_path):
    assert start_files(load_config(settings(other)), str(tmp_path / "own")) == {
        "midway.training.start": model(other / "02_midway"),
        "latents.statistics": [f"{other}/03_latents/statistics.safetensors"],
        "decoder.training.start": model(other / "04_decoder"),
        OF_FLOW: model(other / "05_predictors/flow/seed0"),
        OF_FLOW.replace("flow", "gmm"): [],
        OF_FLOW.replace("flow", "state"): [],
    }


def test_nothing_begins_on_the_latents_of_a_new_network(other, tmp_path):
    for key in ("latents", "decoder", "predictors"):
        with pytest.raises(LamoError, match=rf"config: {key}\..*: found .*, but the Midway Network is trained anew"):
            start_files(load_config({key: settings(other)[key]}), str(tmp_path / "own"))
    # One that is given, or shared, makes the latents that they know.
    shared = {"run": "other", "stages": ["frames", "midway"]}
    for midway in ({"midway": {"checkpoint": "anything"}}, {"share": shared}):
        assert start_files(load_config({"decoder": settings(other)["decoder"], **midway}), str(tmp_path / "own"))


def test_differences_are_named_by_their_keys():
    ours, theirs = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1, "c": 4}, "e": 5}
    assert differences(theirs, ours) == ["a.c 4 for 2", "d None for 3", "e 5 for None"]


def test_an_imported_network_is_not_trained_and_begins_with_nothing(other, tmp_path):
    config = settings(other)
    config["midway"]["checkpoint"] = "anything"
    config["midway"]["training"]["start"] = "nowhere"
    assert start_files(load_config(config), str(tmp_path / "own"))["midway.training.start"] == []


@pytest.mark.parametrize(
    ("lost", "key"),
    [
        ("02_midway/config.json", "midway.training.start"),
        ("03_latents/statistics.safetensors", "latents.statistics"),
        ("04_decoder/model.safetensors", "decoder.training.start"),
        ("05_predictors/flow/seed0/model.safetensors", OF_FLOW),
    ],
)
def test_what_is_missing_is_named_with_its_key(other, tmp_path, lost, key):
    (other / lost).unlink()
    with pytest.raises(LamoError, match=rf"config: {re.escape(key)}: found no file .*{re.escape(lost)}; expected "):
        start_files(load_config(settings(other)), str(tmp_path / "own"))


def test_what_the_run_itself_writes_is_refused(other):
    for key in ("midway", "latents", "decoder", "predictors"):
        config = load_config({key: settings(other)[key]})
        with pytest.raises(LamoError, match=rf"config: {key}\..* is what this run itself writes"):
            start_files(config, str(other))


def test_an_entry_that_goes_on_with_another_one_of_the_run_begins_with_no_file():
    """Its settings are those of the other one, whose key it must not repeat."""
    start = {"training": {"start": "elsewhere"}}
    joint = {"kind": "flow", "samplers": ["4"], "end_to_end": {"of": "flow"}}
    paths = given_paths(load_config({"predictors": {"entries": {"flow": start, "joint": joint}}}))
    assert paths[OF_FLOW][0] == "elsewhere"
    assert "predictors.entries.joint.training.start" not in paths
