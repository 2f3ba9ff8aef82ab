"""Training of a predictor, and its files."""

from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from made_predictors import changed, sampler

from lamo.errors import LamoError
from lamo.predictors.build import build_predictor, load_predictor
from lamo.predictors.data import LatentWindows
from lamo.predictors.entries import PredictorsConfig
from lamo.predictors.kinds import PredictorConfig
from lamo.predictors.statistics import compute_statistics
from lamo.predictors.train import train_predictor, validate
from lamo.training.session import Session

CPU = torch.device("cpu")


def quick(config: PredictorsConfig, name: str, **settings: Any) -> PredictorConfig:
    training = {"steps": 30, "batch": 6, "warmup_steps": 2, "validate_every": 10, "validation_batches": 2}
    return changed(config, name, training=training, **settings)


def train(config, geometry, latents, folder, seed=0):
    windows = LatentWindows([latents], geometry.history, compute_statistics([latents]))
    return train_predictor(config, geometry, windows, windows, seed, folder, Session(), rate_hz=5.0)


@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
def test_training_writes_model_config_and_log(name, config, geometry, latents, context, tmp_path):
    config = quick(config, name)
    trained = train(config, geometry, latents, tmp_path)
    used = sampler({"flow": "flow-2", "gmm": "gmm", "state": "state-2"}[name])
    samples = [p.sample(context, used, torch.Generator().manual_seed(0)) for p in (trained, load_predictor(tmp_path))]
    torch.testing.assert_close(*samples)
    log = pq.read_table(tmp_path / "log.parquet").to_pandas()
    assert {"step", "loss", "gradient_norm", "learning_rate", "samples_per_s"} <= set(log.columns)
    validated = log[["validation_loss", "validation_error", "guess_error", "repeat_error"]].dropna()
    assert len(validated) >= 1


def test_a_validation_measures_four_things_each_by_itself(config, geometry, latents, tmp_path):
    config = quick(config, "gmm", guess="linear")
    trained = train(config, geometry, latents, tmp_path)
    windows = LatentWindows([latents], geometry.history, compute_statistics([latents]))
    batches = [windows.batch(range(3)), windows.batch(range(3, 4))]
    mean = sampler("gmm-mean")
    found = {name: float(value) for name, value in validate(trained, mean, batches, 0, torch.device("cpu")).items()}
    squares = {"validation_error": [], "guess_error": [], "repeat_error": []}
    for batch in batches:
        target = batch.motion
        squares["validation_error"].append((trained.sample(batch.context, mean, torch.Generator()) - target).square())
        squares["guess_error"].append((trained.guess(batch.context) - target).square())
        squares["repeat_error"].append((batch.context.motion[:, -1] - target).square())
    for name, parts in squares.items():
        assert found[name] == pytest.approx(float(torch.cat(parts).mean()), rel=1e-4), name
    assert len(set(found.values())) == 4


@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
def test_training_fits_a_linear_guess_and_keeps_it(name, config, geometry, latents, tmp_path):
    config = quick(config, name, guess="linear")
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
    (tmp_path / "config.json").write_text('{"predictor": {"kind": "flow"}}')
    with pytest.raises(LamoError, match=r"config\.json"):
        load_predictor(tmp_path)
    with pytest.raises(LamoError, match="history is 2"):
        build_predictor(changed(config, "flow", history=2), geometry)
