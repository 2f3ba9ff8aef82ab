"""Counted operations by hand."""

import pytest
import torch
from torch import nn

from lamo.nn.flops import build, count_flops


def linear(backward: bool, gradient_of_inputs: bool = False):
    def make(batch):
        layer = build(lambda: nn.Linear(3, 5))
        inputs = torch.zeros(batch, 7, 3, requires_grad=gradient_of_inputs)
        return lambda: layer(inputs).sum().backward() if backward else layer(inputs)

    return make


@pytest.mark.parametrize("batch", [1, 4])
def test_a_linear_layer_forwards_and_backwards(batch):
    product = 2 * batch * 7 * 3 * 5
    assert count_flops(linear(backward=False), batch) == product
    # Backwards one product for the weight, and one for the inputs where somebody wants it.
    assert count_flops(linear(backward=True), batch) == 2 * product
    assert count_flops(linear(backward=True, gradient_of_inputs=True), batch) == 3 * product


def test_counting_needs_no_memory_for_weights():
    def make(batch):
        layer = build(lambda: nn.Linear(10**6, 10**6))
        return lambda: layer(torch.zeros(batch, 10**6))

    assert count_flops(make) == 2 * 10**12


def test_a_module_is_real_where_tensors_are():
    assert build(lambda: nn.Linear(2, 2)).weight.abs().sum() > 0
