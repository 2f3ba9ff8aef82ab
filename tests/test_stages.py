"""Runs that take stages from another run: where their files lie, and which of them are refused."""

import copy
from pathlib import Path

import pytest

from lamo.errors import LamoError
from lamo.stages import ShareConfig, check_shared, keep_config, path_variables, shared_records
from lamo.stores.atomic import write_json

BASE = {
    "run": "base",
    "share": {"run": None, "stages": []},
    "seed": 0,
    "videos": {"root": None},
    "world": {"cars": 2, "train_videos": 4},
    "frames": {"height": 16, "width": 32},
    "midway": {"training": {"steps": 6}},
    "latents": {"levels": [0]},
    "decoder": {"steps": 4},
    "predictors": {
        "history": 3,
        "seeds": [0, 1],
        "entries": {"flow": {"width": 16, "samplers": [2]}, "gmm": {"components": 2, "samplers": ["sample"]}},
    },
    "metrics": {"world_features": {"steps": 4}, "sheet": {"windows": 2}},
}
ALL = ["frames", "midway", "latents", "decoder", "predictors", "features"]


def sharing(*stages: str, **values) -> dict:
    """The configuration of a run over BASE; values are laid over its sections."""
    config = copy.deepcopy(BASE) | {"run": "mine", "share": {"run": "base", "stages": list(stages)}}
    for name, value in values.items():
        config[name] = {**config[name], **value} if isinstance(value, dict) else value
    return config


@pytest.fixture
def mine(tmp_path) -> Path:
    """The folder of a run beside that of a base run, which was started."""
    keep_config(BASE, tmp_path / "base")
    return tmp_path / "mine"


def test_every_stage_lies_in_the_run_that_has_it():
    own = path_variables(ShareConfig(), "results/mine")
    assert own["frames"] == "results/mine/01_frames"
    assert own["features"] == "results/mine/07_metrics/features"
    assert own["features_logs"] == own["metrics_logs"] == "results/mine/logs/07_metrics"
    shared = path_variables(ShareConfig(run="base", stages=("frames", "features")), "results/mine")
    assert shared["frames"] == "results/base/01_frames"
    assert shared["frames_benchmarks"] == "results/base/benchmarks/01_frames"
    assert shared["features"] == "results/base/07_metrics/features"
    assert shared["features_logs"] == "results/base/logs/07_metrics"
    assert shared["metrics_logs"] == "results/mine/logs/07_metrics"
    assert shared["midway"] == "results/mine/02_midway"


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ({"run": "base"}, "found run 'base' with stages [], expected both or neither"),
        ({"stages": ["frames"]}, "found run None with stages ['frames'], expected both or neither"),
        ({"run": "base", "stages": ["midway"]}, "found midway without frames, which it reads; add frames, or take"),
        ({"run": "base", "stages": ["frames", "midway", "predictors"]}, "found predictors without latents"),
        ({"run": "base", "stages": ["rollouts"]}, "Input should be 'frames'"),
    ],
)
def test_stages_are_shared_with_all_that_they_read(share, expected):
    with pytest.raises(ValueError, match="stages") as caught:
        ShareConfig.model_validate(share)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        sharing(*ALL),
        sharing(*ALL, metrics={"sheet": {"windows": 3}}),
        sharing("features", world={"train_videos": 9}),
        sharing("frames", midway={"training": {"steps": 7}}, seed=1, latents={"levels": [0, 1]}),
        sharing("frames", "midway", "latents", "decoder", predictors={"entries": {"new": {"width": 3}}}),
        sharing(*ALL, predictors={"seeds": [1], "entries": {"flow": {"width": 16, "samplers": [3]}, "gmm": None}}),
    ],
)
def test_what_no_shared_stage_reads_may_differ(mine, config):
    check_shared(config, mine)


@pytest.mark.parametrize(
    ("config", "key", "values"),
    [
        (sharing("frames", frames={"height": 32}), "frames.height", "is 32 here and 16 there"),
        (sharing("frames", "midway", midway={"training": {"steps": 7}}), "midway.training.steps", "7 here and 6 there"),
        (sharing("frames", "midway", seed=1), "seed", "is 1 here and 0 there"),
        (sharing("frames", "midway", midway={"new": 1}), "midway.new", "is 1 here and 'not there' there"),
        (sharing("features", metrics={"world_features": {"steps": 5}}), "metrics.world_features.steps", "5 here"),
        (sharing("features", world={"cars": 3}), "world.cars", "is 3 here and 2 there"),
        (sharing(*ALL, predictors={"seeds": [0, 2]}), "predictors.seeds", "is [0, 2] here and [0, 1] there"),
        (sharing(*ALL, predictors={"history": 2}), "predictors.history", "is 2 here and 3 there"),
        (
            sharing(*ALL, predictors={"entries": {"flow": {"width": 8, "samplers": [2]}}}),
            "predictors.entries.flow.width",
            "is 8 here and 16 there",
        ),
        (
            sharing(*ALL, predictors={"entries": {"new": {"width": 8, "samplers": [2]}}}),
            "predictors.entries.new",
            "is {'width': 8} here and 'not there' there",
        ),
    ],
)
def test_other_settings_of_a_shared_stage_are_refused(mine, config, key, values):
    with pytest.raises(LamoError) as caught:
        check_shared(config, mine)
    assert f"that of the run base, but {key} " in str(caught.value)
    assert values in str(caught.value)
    assert "base/config.json" in str(caught.value)
    assert "and what reads it off share.stages, or correct " in str(caught.value)


def test_a_run_that_was_never_started_has_nothing_to_share(tmp_path):
    with pytest.raises(LamoError, match=r"share\.run: found base, but there is no .*base/config\.json.*make it first"):
        check_shared(sharing("frames"), tmp_path / "mine")


def test_a_run_cannot_share_its_own_stages(tmp_path):
    with pytest.raises(LamoError, match="which is this run itself"):
        check_shared(sharing("frames"), tmp_path / "base")


def test_stages_are_taken_from_the_run_that_has_them(mine):
    keep_config(BASE | {"share": {"run": "first", "stages": ["frames"]}}, mine.parent / "base")
    with pytest.raises(LamoError, match=r"has frames of first itself; set share\.run to first"):
        check_shared(sharing("frames"), mine)


def test_records_of_shared_stages_are_those_of_their_jobs(mine):
    names = ("01_frames/frames_find", "02_midway/midway_train", "05_predictors/predictors_train.flow.seed0")
    others = ("05_predictors/predictors_matched", "07_metrics/metrics_features", "07_metrics/metrics_table")
    for name in (*names, *others):
        write_json(mine.parent / "base" / "provenance" / f"{name}.json", {})
    assert shared_records(mine) == (mine, [])
    keep_config(sharing("frames", "features"), mine)
    base, records = shared_records(mine)
    found = {path.relative_to(base / "provenance").with_suffix("").as_posix() for path in records}
    assert found == {"01_frames/frames_find", "07_metrics/metrics_features"}
    keep_config(sharing("frames", "midway", "latents", "predictors"), mine)
    assert len(shared_records(mine)[1]) == 3


def test_a_key_that_an_older_run_lacks_is_the_same_as_null(mine):
    """Its entries were trained without what came later."""
    ours = {"kind": "flow", "samplers": ["4"], "width": 8, "end_to_end": None}
    theirs = {key: value for key, value in ours.items() if key != "end_to_end"}

    def predictors(entry):
        return {"predictors": {"seeds": [0], "entries": {"flow": entry}}}

    stages = ("frames", "midway", "latents", "predictors")
    keep_config(BASE | predictors(theirs), mine.parent / "base")
    check_shared(sharing(*stages) | predictors(ours), mine)
    with pytest.raises(LamoError, match="end_to_end is"):
        check_shared(sharing(*stages) | predictors(ours | {"end_to_end": {"of": "other"}}), mine)
