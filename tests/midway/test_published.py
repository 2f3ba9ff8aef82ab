"""What a table says of its Midway Network."""

from pathlib import Path

import pytest
import yaml

from lamo.midway.config import MidwayConfig
from lamo.midway.published import describe, vit_base, vit_small

CONFIGS = Path(__file__).resolve().parents[2] / "config"


def test_the_published_models_depart_in_nothing():
    assert describe(vit_small()) == describe(vit_base()) == "Midway: the published form."


def test_the_compact_default_names_every_switch():
    text = describe(MidwayConfig())
    assert text.startswith("Midway: compact, which departs from the published form in 1 motion level, ")
    for switch in (
        *("pairing channels", "correlation radius 2", "anchors on", "position sincos", "tokens filter", "laterals off"),
        *("a pre-trained encoder", "no DINO loss", "no motion crops", "distance squared", "change weight 0.8"),
        *("pixel weight 1.0", "contrast weight 3.0", "both directions off", "unroll 1-1-2-4", "gap s none"),
        *("gate bias 1.0", "clip 1.0", "final weight decay 0.04"),
    ):
        assert switch in text


@pytest.mark.parametrize(
    ("change", "words"), [({"unroll": (1, 2)}, "unroll 1-2"), ({"motion_noise": 0.5}, "motion noise 0.5")]
)
def test_one_switch_is_named_alone(change, words):
    config = vit_small()
    training = config.training.model_copy(update=change)
    text = describe(config.model_copy(update={"training": training}))
    assert text == f"Midway: the published form but for {words}."


def test_the_paper_run_departs_in_its_gaps_alone():
    raw = yaml.safe_load((CONFIGS / "bdd100k.yaml").read_text(encoding="utf-8"))["midway"]
    midway = MidwayConfig.model_validate(raw)
    assert describe(midway) == "Midway: the published form but for gap s 0.2-1.0."
