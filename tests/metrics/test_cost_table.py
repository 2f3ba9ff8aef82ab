"""The matched comparison of a run's methods: rows, numbers and words."""

import csv
import io
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from made_predictors import changed, predictors, sampler
from torch.utils.flop_counter import FlopCounterMode

from lamo.decoder.config import DecoderConfig
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.errors import LamoError
from lamo.metrics.cost import Step, Trained, compare, count_step, read_trained
from lamo.midway.config import MidwayConfig
from lamo.midway.network import Midway
from lamo.predictors.build import build_predictor, save_predictor
from lamo.predictors.cost import sampling_flops, size_of, training_flops
from lamo.predictors.interface import Geometry
from lamo.report.cost_table import COLUMNS, in_words, matched_csv, matched_markdown, short

GEOMETRY = Geometry(3, 1, 4, 3, (2, 2), 5)
PREDICTORS = predictors(
    {
        "flow": {"width": 16, "training": {"steps": 7, "batch": 6}},
        "gmm": {"training": {"steps": 7, "batch": 6}},
        "state": {"width": 16, "training": {"steps": 5, "batch": 3}},
    },
    backbone={"depth": 1, "width": 16, "heads": 2},
)
SAMPLERS = {"flow": ["5", "2-heun"], "gmm": ["sample", "mean"], "state": ["2"]}
STEP = Step(forward=1000, decoder=77)


def trained(*names: str) -> list[Trained]:
    return [Trained(name, PREDICTORS.of(name), GEOMETRY, s) for name in names for s in (10.0, 14.0)]


@pytest.fixture(scope="module")
def methods():
    return compare(trained("state", "flow", "gmm"), SAMPLERS, STEP)


def test_every_sampler_has_a_row_in_the_order_of_the_predictors(methods):
    assert [one.sampler for one in methods] == ["flow-5", "flow-2-heun", "gmm", "gmm-mean", "state-2"]
    rows = list(csv.DictReader(io.StringIO(matched_csv(methods, STEP))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["sampler"] for row in rows] == [one.sampler for one in methods]
    assert {row["n_seeds"] for row in rows} == {"2"}
    assert {row["training_s"] for row in rows} == {"12.000"}


def test_numbers_of_a_row(methods):
    for one in methods:
        config, used = PREDICTORS.of(one.predictor), sampler(one.sampler)
        assert one.size == size_of(config, GEOMETRY)
        assert one.training_samples == (15 if one.predictor == "state" else 42)
        assert one.training_flops == one.training_samples * training_flops(config, GEOMETRY)
        assert one.forward_flops == (0 if one.predictor == "state" else 1000)
        assert one.step_flops == sampling_flops(config, GEOMETRY, used) + one.forward_flops
        assert one.backbone_flops + one.head_flops + one.forward_flops == one.step_flops
    first, second = methods[:2]
    assert (first.head_evaluations, second.head_evaluations) == (5, 4)
    assert first.head_flops * 4 == second.head_flops * 5


def test_what_leaves_the_head_out_has_no_row_and_values_of_the_guess_are_counted(methods):
    samplers = {"gmm": ["sample", "guess", "linear"], "state": ["2", "guess", "linear"]}
    rows = compare(trained("gmm", "state"), samplers, STEP)
    assert [one.sampler for one in rows] == ["gmm", "state-2"]
    # Motion: 12 values, all of them components: basis, weight, bias. State: 20 values, two lags.
    assert [one.size.guess for one in rows] == [12 * 12 + 12 * 12 + 12, 20 * 20 + 2 * 20 * 20 + 20]
    assert all(one.size.parameters == one.size.backbone + one.size.head for one in rows)


def test_words_say_what_is_matched_by_the_numbers(methods):
    text = in_words(methods, STEP)
    gmm, state = (part for part in text.split(". ") if " beside flow: " in part)
    assert gmm.startswith("gmm beside flow: matched within 5 % in parameters of the backbone, values predicted")
    # The readout makes 21 tokens of 20.
    assert "1.05 times the context tokens" in gmm
    assert "training samples; 0." in gmm
    # 4 patches of 5 values against 4 tokens of 3; (3 + 2) x 4 tokens against (3 + 1) x 4 + 4; 15 windows against 42.
    assert "context tokens" in state.partition(";")[0]
    assert "1.67 times the values predicted per step, 0.357 times the training samples" in state
    assert "77 more for every method" in text
    wide = replace(methods[-1], size=replace(methods[-1].size, payload=12 * 1000))
    assert "1000 times the values predicted" in in_words([methods[0], wide], STEP)
    assert in_words(methods[:2], STEP).startswith("There is one predictor, and nothing to match it with.")


def test_people_read_a_row_for_each_method_and_the_words(methods):
    text = matched_markdown(methods, STEP, "a run")
    assert [line.split(" | ")[0] for line in text.splitlines()[2:7]] == [f"| {one.sampler}" for one in methods]
    assert in_words(methods, STEP) in text
    assert "a run: 2 training seeds" in text
    assert "12 s" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (999, "999"), (999.6, "1 k"), (1440, "1.44 k"), (1.314e9, "1.31 G"), (2e21, "2e+03 E")],
)
def test_large_numbers_are_short(value, text):
    assert short(value) == text


def test_a_training_is_read_from_its_folder(tmp_path):
    config = PREDICTORS.of("flow")
    save_predictor(tmp_path, build_predictor(config, GEOMETRY), config, GEOMETRY)
    with pytest.raises(LamoError, match=r"log\.parquet: cannot be read"):
        read_trained("flow", tmp_path)
    pq.write_table(pa.table({"step": [0, 20, 29], "minutes": [0.1, 0.5, None]}), tmp_path / "log.parquet")
    assert read_trained("flow", tmp_path) == Trained("flow", config, GEOMETRY, 30.0)
    pq.write_table(pa.table({"step": [0]}), tmp_path / "log.parquet")
    assert read_trained("flow", tmp_path).seconds is None
    assert "n/a" in matched_markdown(compare([read_trained("flow", tmp_path)], {"flow": ["1"]}, STEP), STEP, "run")


def test_a_missing_training_and_seeds_that_differ_are_errors():
    with pytest.raises(LamoError, match="predictor gmm: found 0 trainings"):
        compare(trained("flow"), SAMPLERS, STEP)
    other = changed(PREDICTORS, "gmm", history=2)
    with pytest.raises(LamoError, match="predictor gmm: found 3 trainings, expected at least one, all with the same"):
        compare([*trained("gmm"), Trained("gmm", other, GEOMETRY, 1.0)], {"gmm": ["sample"]}, STEP)


def counted(work):
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def test_the_step_is_counted_as_the_saved_models_run_it(tmp_path):
    config = MidwayConfig.model_validate(
        {
            "encoder": {"width": 24, "depth": 4, "heads": 2, "patch": 8},
            "inverse": {"tokens": 3, "width": 12, "heads": 2},
        }
    )
    midway = Midway(config, (16, 32)).eval()
    decoder = PixelDecoder(DecoderConfig(depth=2, width=24, heads=2), 24, (2, 4), 8)
    midway.save(tmp_path / "midway")
    decoder.save(tmp_path / "decoder")
    step = count_step(tmp_path / "midway", tmp_path / "decoder", (0,))
    z, motion = midway.encode(torch.rand(1, 3, 16, 32)), torch.randn(1, midway.levels, 3, 12)
    with torch.no_grad():
        assert step.forward == counted(lambda: midway.step(z, motion, only=(0,))) > 0
        assert step.decoder == counted(lambda: decoder(torch.randn(1, 8, 24))) > 0
