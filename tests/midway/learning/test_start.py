"""A training that begins with the weights of another network."""

import pytest
import torch

from lamo.errors import LamoError
from lamo.midway.learning.training import train_midway
from lamo.training.session import Session

HARDLY = {"steps": 1, "learning_rate": 1e-9, "final_learning_rate": 1e-9}


@pytest.fixture
def train(make_config, clips):
    def run(form, training, **changes):
        config = make_config(form, training=training, **changes)
        return train_midway(config, clips(4, 12), clips(2, 12, 50), 0, Session())

    return run


@pytest.fixture
def given(make_midway, form, tmp_path):
    """A saved network none of whose weights is as at the start of a training."""
    model = make_midway(form)
    model.save(tmp_path / "given")
    return model


def test_a_training_begins_with_the_given_weights(train, given, form, tmp_path):
    start = str(tmp_path / "given")
    trained = train(form, {"start": start, **HARDLY})
    assert trained.pretraining is None
    for name, weight in trained.model.state_dict().items():
        # Teachers follow by their momentum; all else hardly moves at this learning rate.
        tolerance = 1e-2 if name.startswith(("teacher.", "target_", "inverse_dynamics.target_")) else 1e-6
        torch.testing.assert_close(weight, given.state_dict()[name], atol=tolerance, rtol=0.0)
    assert trained.model.training_record["start"] == start


def test_a_given_encoder_of_the_compact_form_stays_as_it_is(train, make_midway, tmp_path):
    make_midway("compact").save(tmp_path)
    before = make_midway("compact").load(tmp_path)
    after = train("compact", {"start": str(tmp_path), "steps": 5}).model
    for part in ("student", "teacher"):
        for name, weight in getattr(before, part).state_dict().items():
            assert torch.equal(getattr(after, part).state_dict()[name], weight), name
    assert not torch.equal(after.motion_proj.weight, before.motion_proj.weight)


def test_stochastic_depth_may_differ(train, make_midway, tmp_path):
    make_midway("published").save(tmp_path)
    trained = train("published", {"start": str(tmp_path), **HARDLY}, encoder={"drop_path": 0.3})
    assert trained.model.config.encoder.drop_path == 0.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forward": {"depth": 1}}, r"has forward\.depth 2 for 1; set these keys of midway"),
        ({"inverse": {"tokens": 5}}, r"has inverse\.tokens 4 for 5; set these keys of midway"),
    ],
)
def test_other_sizes_are_refused(train, make_midway, tmp_path, changes, message):
    make_midway("compact").save(tmp_path)
    with pytest.raises(LamoError, match=rf"midway\.training\.start: the network in .* {message}"):
        train("compact", {"start": str(tmp_path)}, **changes)


def test_another_form_is_refused(train, make_midway, tmp_path):
    make_midway("published").save(tmp_path)
    with pytest.raises(LamoError, match=r"midway\.training\.start: .* has form published for compact; "):
        train("compact", {"start": str(tmp_path)})


def test_a_start_that_is_not_there_is_refused(train, tmp_path):
    with pytest.raises(LamoError, match=r"nowhere/config\.json"):
        train("compact", {"start": str(tmp_path / "nowhere")})
