"""Training of a predictor, its files, and what its configuration refuses."""

import pyarrow.parquet as pq
import pytest
import torch
from pydantic import ValidationError

from lamo.errors import LamoError
from lamo.predictors.build import build_predictor, load_predictor
from lamo.predictors.config import PredictorConfig, PredictorsConfig
from lamo.predictors.data import LatentWindows
from lamo.predictors.interface import Sampler
from lamo.predictors.statistics import compute_statistics
from lamo.predictors.train import train_predictor
from lamo.training.session import Session

CPU = torch.device("cpu")


def quick(config: PredictorsConfig, name: str) -> PredictorConfig:
    training = {"steps": 30, "batch": 6, "warmup_steps": 2, "validation_every": 10, "validation_batches": 2}
    head = getattr(config, name).model_dump() | {"training": training}
    return PredictorsConfig.model_validate(config.model_dump() | {name: head}).of(name)


def train(config, geometry, latents, folder, seed=0):
    windows = LatentWindows([latents], geometry.history, compute_statistics([latents]))
    return train_predictor(config, geometry, windows, windows, seed, folder, Session())


@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
def test_training_writes_model_config_and_log(name, config, geometry, latents, context, tmp_path):
    config = quick(config, name)
    trained = train(config, geometry, latents, tmp_path)
    sampler = Sampler.parse({"flow": "flow-2", "gmm": "gmm", "state": "state-2"}[name])
    samples = [
        p.sample(context, sampler, torch.Generator().manual_seed(0)) for p in (trained, load_predictor(tmp_path))
    ]
    torch.testing.assert_close(*samples)
    log = pq.read_table(tmp_path / "log.parquet").to_pandas()
    assert {"step", "loss", "gradient_norm", "learning_rate", "samples_per_s"} <= set(log.columns)
    assert log[["validation_loss", "validation_error", "repeat_error"]].dropna().shape[0] >= 1


@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
def test_training_fits_a_linear_anchor_and_keeps_it(name, config, geometry, latents, tmp_path):
    head = getattr(config, name).model_copy(update={"anchor": "linear"})
    config = quick(config.model_copy(update={name: head}), name)
    trained, again = train(config, geometry, latents, tmp_path), load_predictor(tmp_path)
    windows = LatentWindows([latents], geometry.history, compute_statistics([latents]))
    batch = windows.batch(range(len(windows)))
    guess, target = trained.guess(batch.context), batch.target(trained.predicts)
    # Few windows and many values: the fit is better than the mean of what it starts from, the last state or nothing.
    start = batch.last(name) if name == "state" else torch.zeros_like(target)
    assert (guess - target).square().mean() < 0.9 * (start - target).square().mean()
    assert torch.equal(again.guess(batch.context), guess)


def test_training_follows_its_seed(config, geometry, latents, tmp_path):
    config = quick(config, "flow")
    first, again, other = (
        train(config, geometry, latents, tmp_path / str(i), seed).head.out.weight for i, seed in enumerate((1, 1, 2))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_damaged_or_foreign_config_is_named(tmp_path, config, geometry):
    (tmp_path / "config.json").write_text('{"predictor": {"name": "flow"}}')
    with pytest.raises(LamoError, match=r"config\.json"):
        load_predictor(tmp_path)
    with pytest.raises(LamoError, match="history is 2"):
        build_predictor(config.model_copy(update={"history": 2}).of("flow"), geometry)


def test_a_predictors_part_does_not_change_with_another_predictors_section(config):
    changed = PredictorsConfig.model_validate(config.model_dump() | {"gmm": {"components": 5}})
    assert changed.of("flow") == config.of("flow")
    assert changed.of("state") == config.of("state")
    assert changed.of("gmm") != config.of("gmm")
    for name in ("flow", "gmm", "state"):
        assert PredictorConfig.model_validate(config.of(name).model_dump(mode="json")) == config.of(name)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"backbone": {"width": 130, "heads": 4}}, "multiple of the heads"),
        ({"gmm": {"log_sigma_min": 2.0}}, "must be below the maximum"),
        ({"gmm": {"components": 0}}, "greater than or equal to 1"),
        ({"gmm": {"components": 65}}, "less than or equal to 64"),
        ({"state": {"anchor_ridge": 0}}, "greater than 0"),
        ({"seeds": [1, 1]}, "each seed may stand there once"),
        ({"history": 0, "flow": {"anchor": "last"}}, "no token is observed"),
        ({"flow": {"training": {"step": 3}}}, "Extra inputs"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_nonsense_is_refused(section, message):
    with pytest.raises(ValidationError, match=message):
        PredictorsConfig.model_validate(section)


@pytest.mark.parametrize("name", ["flow", "gmm-3", "state-20-rk4", "flow-5 ", "mean", "flow--1"])
def test_unknown_samplers_are_refused(name):
    with pytest.raises(LamoError, match="is not known"):
        Sampler.parse(name)


@pytest.mark.parametrize("name", ["flow-0", "state-00", "flow-0-heun"])
def test_zero_steps_are_refused(name):
    with pytest.raises(LamoError, match=f"sampler '{name}' asks for 0+ integration steps; expected at least 1"):
        Sampler.parse(name)


def test_samplers_are_parsed():
    assert Sampler.parse("flow-20") == Sampler("flow-20", "flow", 20, "euler")
    assert Sampler.parse("state-7-heun") == Sampler("state-7-heun", "state", 7, "heun")
    assert Sampler.parse("gmm-mean").deterministic
    assert not Sampler.parse("gmm").deterministic
    assert Sampler.parse("gmm-mean").predictor == "gmm"
    assert Sampler.parse("state-anchor").deterministic
    assert not Sampler.parse("state-linear").deterministic
    assert [Sampler.parse(name).evaluations for name in ("gmm-linear", "state-anchor", "gmm", "flow-3-heun")] == [
        0,
        0,
        1,
        6,
    ]
