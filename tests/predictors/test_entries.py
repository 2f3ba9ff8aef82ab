"""The predictors of a configuration: entries, their kinds, their rows, and what is refused."""

from dataclasses import replace

import pytest
from made_predictors import changed, predictors
from pydantic import ValidationError

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.predictors import entries
from lamo.predictors.config import PredictorTraining
from lamo.predictors.entries import PredictorsConfig
from lamo.predictors.flow.config import FlowConfig
from lamo.predictors.kinds import PredictorConfig, find_kind


def refused(entries: dict, **common: object) -> str:
    """The text with which a configuration of these entries is refused."""
    with pytest.raises(LamoError) as caught:
        load_config({"predictors": {"entries": entries, **common}})
    return str(caught.value).removeprefix("config: ")


def test_a_predictors_part_does_not_change_with_another_entry(config):
    values = config.model_dump()
    values["entries"]["gmm"]["components"] = 5
    values["entries"]["other"] = {"kind": "flow", "samplers": [1], "history": 1}
    other = PredictorsConfig.model_validate(values)
    assert other.of("flow") == config.of("flow")
    assert other.of("state") == config.of("state")
    assert other.of("gmm") != config.of("gmm")
    for name in other.entries:
        assert PredictorConfig.model_validate(other.of(name).model_dump(mode="json")) == other.of(name)


def test_an_entry_has_what_it_says_and_the_rest_of_its_kind_and_of_the_run():
    entry = {"kind": "flow", "samplers": [20], "history": 1, "backbone": {"depth": 2}, "training": {"batch": 8}}
    config = load_config({"predictors": {"history": 3, "backbone": {"width": 64}, "entries": {"k1": entry}}})
    one = config.predictors.of("k1")
    assert (one.history, one.backbone.depth, one.backbone.width) == (1, 2, 64)
    assert (one.settings.training.steps, one.settings.training.batch) == (600, 8)
    assert config.predictors.of("flow").history == config.predictors.longest_history == 3


def test_an_entrys_training_is_laid_over_that_of_all_entries():
    raw = {
        "training": {"steps": 9, "batch": 8, "learning_rate": 0.5},
        "entries": {
            "flow": {"training": {"learning_rate": 0.25}},
            "gmm": {"training": None},
            "state": {"training": {"steps": 11}},
            "other": {"kind": "flow", "samplers": [5]},
        },
    }
    config = load_config({"predictors": raw}).predictors
    trainings = {name: config.of(name).settings.training for name in config.entries}
    found = {name: (one.steps, one.batch, one.learning_rate) for name, one in trainings.items()}
    # Of the default entries, flow differs in its steps, state in its steps and batch.
    assert found == {
        "flow": (700, 8, 0.25),
        "gmm": (9, 8, 0.5),
        "state": (11, 16, 0.5),
        "other": (9, 8, 0.5),
    }
    assert config.entries["state"].model_dump()["training"] == {"steps": 11, "batch": 16}


def test_a_kind_has_no_settings_of_an_entry_or_of_the_training(monkeypatch):
    class Own(FlowConfig):
        training: PredictorTraining = PredictorTraining(steps=3)
        history: int = 3

    monkeypatch.setattr(entries, "find_kind", lambda kind: replace(find_kind(kind), config=Own))
    with pytest.raises(LamoError, match="found settings named history, training, which every entry has"):
        entries.entry_model.__wrapped__("flow")


def test_rows_are_in_the_order_of_the_entries_and_called_after_them():
    entries = {"flow": {"samplers": [5, "2-heun"]}, "state": None, "flow-k1": {"kind": "flow", "samplers": [20]}}
    config = load_config({"predictors": {"entries": entries}}).predictors
    assert [row.label for row in config.rows()] == [
        "flow-5",
        "flow-2-heun",
        "gmm",
        "gmm-mean",
        "gmm-linear",
        "flow-k1-20",
    ]
    assert [row.sampler for row in config.rows()] == ["5", "2-heun", "sample", "mean", "linear", "20"]


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (
            {"a": {"kind": "flw", "samplers": [5]}},
            "predictors.entries.a: kind: found 'flw', expected one of flow",
        ),
        ({"a": {"kind": "flw", "samplers": [5]}}, "did you mean flow?"),
        ({"a": {"samplers": [5]}}, "key predictors.entries.a.kind is missing"),
        ({"a": {"kind": "flow"}}, "key predictors.entries.a.samplers is missing"),
        (
            {"a": {"kind": "no.such:KIND", "samplers": [5]}},
            "no.such:KIND cannot be imported (ModuleNotFoundError: No module named 'no')",
        ),
        ({"a": {"kind": "lamo.errors:LamoError", "samplers": [5]}}, "expected a lamo.predictors.kinds.Kind"),
        ({"flow": {"witdh": 3}}, "unknown key predictors.entries.flow.witdh (found 3); did you mean width?"),
        ({"a": {"kind": "gmm", "samplers": ["mean"], "width": 3}}, "unknown key predictors.entries.a.width (found 3)"),
        ({"flow": {"training": {"step": 3}}}, "predictors.entries.flow.training.step (found 3); did you mean steps?"),
        (
            {"flow": {"training": {"steps": 0}}},
            "predictors.entries.flow.training.steps: found 0, expected greater than or equal to 1",
        ),
        ({"flow": {"backbone": {"hedas": 3}}}, "predictors.entries.flow.backbone.hedas (found 3); did you mean heads?"),
        ({"flow": {"anchor": "none"}}, "unknown key predictors.entries.flow.anchor; it is called guess now"),
        ({"flow": {"anchor_ridge": 1}}, "unknown key predictors.entries.flow.anchor_ridge; it is called guess_ridge"),
        (
            {"flow": {"guess": "last"}},
            "predictors.entries.flow.guess: found 'last', expected 'none', 'linear' or 'whitened'",
        ),
        ({"flow": {"samplers": ["flow-20"]}}, "write 20, the entry's name is put before it"),
        ({"flow": {"samplers": ["20-rk4"]}}, "predictors.entries.flow.samplers: found '20-rk4', expected a sampler of"),
        ({"flow": {"samplers": ["0-heun"]}}, "found '0-heun', which asks for 0 integration steps; expected at least 1"),
        ({"gmm": {"samplers": ["20"]}}, "found '20', expected a sampler of kind gmm: sample"),
        ({"flow": {"samplers": []}}, "predictors.entries.flow.samplers: found []"),
        ({"flow": {"samplers": [5, "5"]}}, "whose row flow-5 is there already by entry flow"),
        ({"gmm-mean": {"kind": "gmm", "samplers": ["sample"]}}, "whose row gmm-mean is there already by entry gmm"),
        ({"flow": {"samplers": ["guess"], "guess": "none"}}, "found 'guess' with guess 'none'; expected guess: linear"),
        (
            {"gmm": {"samplers": ["linear"], "guess": "none"}},
            "found 'linear' with guess 'none'; expected guess",
        ),
        ({"gmm": {"samplers": ["mean-detail50"]}}, "found 'mean-detail50', expected 'mean': it draws nothing"),
        ({"flow": {"samplers": ["4-detail100"]}}, "found '4-detail100', expected a sampler of kind flow"),
        (
            {"flow": {"samplers": ["4-detail40"], "guess": "linear"}},
            "found '4-detail40' with guess 'linear', expected guess: whitened",
        ),
        ({"flow": {"history": 0}}, "predictors.entries.flow.guess: found 'whitened' with a history of 0"),
        ({"gmm": {"log_sigma_min": 2.0}}, "unknown key predictors.entries.gmm.log_sigma_min; it is a constant"),
        ({"gmm": {"components": 65}}, "predictors.entries.gmm.components: found 65, expected less than or equal to 64"),
        ({"state": {"guess_ridge": 0}}, "predictors.entries.state.guess_ridge: found 0, expected greater than 0"),
        ({"state": {"width": 129, "coupling": "attention"}}, "predictors.entries.state.width: found 129 with coupling"),
        ({"state": {"backbone": {"width": 130, "heads": 4}}}, "the width must be a multiple of the heads"),
        ({"Flow": {"kind": "flow", "samplers": [5]}}, "predictors.entries.Flow: found the name 'Flow', expected small"),
        ({"learned": {"kind": "gmm", "samplers": ["sample"]}}, "and none of controls, learned"),
        ({"flow": None, "gmm": None, "state": None}, "predictors.entries: found none, expected at least one predictor"),
        ({"flow": 3}, "predictors.entries.flow: found 3, expected a valid dictionary"),
    ],
)
def test_each_mistake_in_an_entry_is_named(entries, message):
    assert message in refused(entries)


def test_mistakes_beside_the_entries_are_named():
    assert "predictors.seeds: found [1, 1], expected each seed once" in refused({}, seeds=[1, 1])
    assert "the width must be a multiple of the heads" in refused({}, backbone={"width": 130, "heads": 4})
    assert "unknown key predictors.unknown" in refused({}, unknown=1)
    assert "unknown key predictors.training.step (found 3); did you mean steps?" in refused({}, training={"step": 3})


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"predictors": {"flow": {"width": 3}}}, "predictors.flow; it is predictors.entries.flow now"),
        ({"rollouts": {"samplers": {"flow": ["flow-20"]}}}, "stand in each predictor's entry now, without its name"),
    ],
)
def test_keys_of_earlier_versions_say_where_they_stand_now(raw, message):
    with pytest.raises(LamoError, match=message):
        load_config(raw)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"comparisons": ["flw-50 over gmm"]}, "metrics.comparisons: found 'flw-50', .* did you mean flow-50?"),
        (
            {"comparisons": ["learned over gmm-maen"]},
            "found 'gmm-maen', .* did you mean gmm-mean?",
        ),
        ({"sheet": {"rows": ["stat-4"]}}, "metrics.sheet.rows: found 'stat-4', .* did you mean state-4?"),
        (
            {"videos": {"rows": ["qqq"]}},
            "metrics.videos.rows: found 'qqq', .*; known rows: ideal_futures, decoder_ceiling, ",
        ),
    ],
)
def test_rows_that_no_predictor_has_are_refused_with_the_nearest(section, message):
    with pytest.raises(LamoError, match=message):
        load_config({"metrics": section})


def test_rows_that_a_run_lacks_but_could_have_are_known():
    raw = {"predictors": {"entries": {"state": None}}, "metrics": {"comparisons": ["flow-7 over state-20"]}}
    assert load_config(raw).metrics.comparisons == ("flow-7 over state-20",)


def test_settings_are_those_of_their_kind():
    config = predictors({})
    assert changed(config, "flow", blocks=5).settings.blocks == 5
    with pytest.raises(ValidationError, match="Extra inputs"):
        changed(config, "gmm", blocks=5)
