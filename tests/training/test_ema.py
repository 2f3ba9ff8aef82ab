"""Exponential moving averages of weights."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lamo.training.ema import update_ema

values = st.floats(-100, 100, width=32)


def filled(value: float, buffer: float) -> nn.BatchNorm1d:
    model = nn.BatchNorm1d(3)
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    model.running_mean.fill_(buffer)
    return model


@given(old=values, new=values, decay=st.floats(0, 1), steps=st.integers(1, 4))
def test_average_moves_by_its_formula_and_copies_buffers(old, new, decay, steps):
    average, model = filled(old, 1.0), filled(new, 2.0)
    for _ in range(steps):
        update_ema(average, model, decay)
    expected = new + decay**steps * (old - new)
    for kept, current in zip(average.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(kept.detach(), torch.full((3,), expected), rtol=1e-4, atol=1e-3)
        assert torch.equal(current, torch.full((3,), new))
        assert kept.grad is None
    assert torch.equal(average.running_mean, torch.full((3,), 2.0))


def test_models_of_different_structure_are_refused():
    with pytest.raises(ValueError, match="zip"):
        update_ema(nn.Linear(2, 2), nn.Linear(2, 2, bias=False), 0.5)
