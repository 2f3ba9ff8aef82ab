"""What a table says of its Midway Network."""

from pathlib import Path

import pytest
import yaml

from lamo.midway.config import MidwayConfig
from lamo.midway.published import PUBLISHED_TRAINING, describe, vit_base, vit_small
from lamo.midway.saved import read_saved

ROOT = Path(__file__).resolve().parents[2]


def training_of(config: MidwayConfig) -> dict:
    return config.training.model_dump(mode="json")


def test_the_published_models_depart_in_nothing():
    for network in (vit_small(), vit_base()):
        assert describe(network, PUBLISHED_TRAINING) == "Midway: the published form."


def test_the_compact_default_names_its_form_and_how_it_was_trained():
    config = MidwayConfig()
    assert describe(config, training_of(config)) == (
        "Midway: the compact form, with 1 motion level, gap in s none, unroll 1-1-2-4, both directions off, "
        "motion crops none."
    )


@pytest.mark.parametrize(
    ("change", "words"), [({"unroll": (1, 2)}, "unroll 1-2"), ({"motion_noise": 0.5}, "motion noise 0.5")]
)
def test_one_departure_is_named_alone(change, words):
    assert describe(vit_small(), PUBLISHED_TRAINING | change) == f"Midway: the published form but for {words}."


def test_what_the_record_of_the_training_does_not_say_is_not_named():
    assert describe(MidwayConfig(), {}) == "Midway: the compact form, with 1 motion level."


def test_the_paper_run_departs_in_its_gaps_alone():
    raw = yaml.safe_load((ROOT / "config" / "bdd100k.yaml").read_text(encoding="utf-8"))["midway"]
    config = MidwayConfig.model_validate(raw)
    assert describe(config, training_of(config)) == "Midway: the published form but for gap in s 0.2-1.0."


def test_of_a_network_saved_before_there_were_forms_the_same_is_said():
    saved = read_saved(ROOT / "results" / "weights" / "compact")
    config = MidwayConfig()
    assert describe(saved.config, saved.training) == describe(config, training_of(config))
