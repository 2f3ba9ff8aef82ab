"""The card of a model says how many clips and hours it saw, of each folder of videos."""

import pandas as pd

from lamo.model.bundle import FrameFormat, ModelFacts
from lamo.model.card import card

FACTS = ModelFacts(
    run="roads",
    frames=FrameFormat(height=32, width=64, rate_hz=5.0, fit="crop"),
    origin="trained on from elsewhere",
    levels=(0,),
    predictors={"flow": ("4", "guess")},
    predictor="flow",
)


def clips(*rows: tuple[str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["id", "split", "frames"])


def test_clips_and_hours_are_counted_for_each_folder():
    table = clips(("a/1", "train", 9000), ("a/2", "val", 1800), ("b/1", "train", 18000), ("b/2", "train", 0))
    text = card(FACTS, table, "| method |", ["a", "b"])
    assert "| folder, split | clips | hours of frames |" in text
    for row in ("| a, train | 1 | 0.50 |", "| a, val | 1 | 0.10 |", "| b, train | 1 | 1.00 |", "| b, val | 0 | 0.00 |"):
        assert row in text


def test_one_folder_has_no_name():
    text = card(FACTS, clips(("1", "train", 9000), ("2", "val", 0)), "| method |")
    assert "| split | clips | hours of frames |" in text
    assert "| train | 1 | 0.50 |" in text
    assert "| val | 0 | 0.00 |" in text
