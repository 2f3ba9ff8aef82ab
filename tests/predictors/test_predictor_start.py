"""A predictor's training that begins with a trained predictor."""

from dataclasses import replace

import pytest
import torch
from made_predictors import changed

from lamo.errors import LamoError
from lamo.predictors.build import build_predictor, save_predictor
from lamo.predictors.data import LatentWindows
from lamo.predictors.saved import Tokens
from lamo.predictors.statistics import carried_statistics, compute_statistics
from lamo.predictors.train import train_predictor
from lamo.training.session import Session

HARDLY = {"steps": 1, "batch": 6, "warmup_steps": 0, "learning_rate": 1e-9, "final_learning_rate": 1e-9}
KEY = r"predictors\.entries\.\w+\.training\.start: the predictor in .* "


@pytest.fixture
def statistics(latents):
    return compute_statistics([latents])


@pytest.fixture
def begin(config, geometry, latents, statistics, tmp_path):
    """Trains a predictor for a step, beginning with the one in tmp_path / given."""

    def run(name, folder="given", rate_hz=5.0, statistics=statistics, **settings):
        training = {**HARDLY, "start": str(tmp_path / folder)}
        windows = LatentWindows([latents], geometry.history, statistics)
        entry = changed(config, name, training=training, **settings)
        return train_predictor(entry, geometry, windows, windows, 0, tmp_path / "new", Session(), rate_hz=rate_hz)

    return run


@pytest.fixture
def give(config, geometry, statistics, tmp_path):
    """Saves a predictor none of whose values is as at the start of a training."""

    def run(name, tokens=True, **settings):
        entry = changed(config, name, **settings)
        model = build_predictor(entry, geometry)
        with torch.no_grad():
            for value in model.state_dict().values():
                if value.is_floating_point():
                    value.add_(0.1 * torch.rand_like(value))
        save_predictor(tmp_path / "given", model, entry, geometry, Tokens(statistics.digest(), 5.0) if tokens else None)
        return model.state_dict()

    return run


@pytest.mark.parametrize("name", ["flow", "gmm", "state"])
@pytest.mark.parametrize("guess", ["none", "whitened"])
def test_it_keeps_weights_guess_and_whitening(name, guess, give, begin):
    given = give(name, guess=guess)
    for key, value in begin(name, guess=guess).state_dict().items():
        torch.testing.assert_close(value, given[key], atol=1e-6, rtol=0.0, msg=key)


def test_how_it_was_trained_may_differ(give, begin):
    give("gmm", guess="whitened", guess_ridge=3.0, training={"steps": 7})
    begin("gmm", guess="whitened")


def test_it_can_itself_be_a_start(give, begin):
    give("gmm")
    begin("gmm")
    begin("gmm", folder="new")


@pytest.mark.parametrize(
    ("ours", "message"),
    [
        ({"name": "flow"}, "has kind gmm for flow; "),
        ({"components": 3}, "has components 2 for 3; set these keys as there"),
        ({"guess": "linear"}, "has guess none for linear; set"),
        ({"backbone": {"depth": 1}}, r"has backbone\.depth 2 for 1; set"),
        ({"rate_hz": 10.0}, r"has frames\.rate_hz 5\.0 for 10\.0; set"),
    ],
)
def test_another_predictor_is_refused(give, begin, ours, message):
    give("gmm")
    with pytest.raises(LamoError, match=KEY + message):
        begin(**{"name": "gmm", **ours})


def test_other_statistics_are_refused(give, begin, statistics):
    give("gmm")
    other = replace(statistics, motion_mean=statistics.motion_mean + 1)
    with pytest.raises(
        LamoError, match=KEY + r"was trained with other statistics of the tokens; set latents\.statistics"
    ):
        begin("gmm", statistics=other)


def test_one_that_does_not_say_its_tokens_is_refused(give, begin):
    give("gmm", tokens=False)
    with pytest.raises(LamoError, match=KEY + "does not say with which statistics it was trained; train it again"):
        begin("gmm")


def test_one_that_is_not_there_is_refused(begin):
    with pytest.raises(LamoError, match=r"nowhere/config\.json"):
        begin("gmm", folder="nowhere")


def test_statistics_are_carried_over_if_the_sizes_are_those_of_the_tokens(latents, statistics, tmp_path):
    statistics.save(tmp_path / "statistics.safetensors")
    assert carried_statistics(tmp_path / "statistics.safetensors", [latents]).digest() == statistics.digest()
    other = replace(statistics, motion_mean=statistics.motion_mean[:1], motion_std=statistics.motion_std[:1])
    other.save(tmp_path / "other.safetensors")
    message = (
        r"latents\.statistics .*other\.safetensors: found those of motion tokens \(1, 3, 4\) .*, expected \(2, 3, 4\)"
    )
    with pytest.raises(LamoError, match=message):
        carried_statistics(tmp_path / "other.safetensors", [latents])
