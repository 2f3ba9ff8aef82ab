"""Counting the floating-point operations of models exactly, on tensors that hold no numbers and cost nothing."""

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils.flop_counter import FlopCounterMode

Run = Callable[[], object]
Make = Callable[[int], Run]
"""Given a batch size, builds models and inputs and returns what runs one unit of work on them."""
Net = TypeVar("Net", bound=nn.Module)


def count_flops(make: Make, batch: int = 1) -> int:
    """Operations of what `make(batch)` runs, counted exactly on fake tensors.

    Those of matrix products and convolutions, a multiplication and an addition being two, as PyTorch counts them;
    norms, activations and the optimiser are not among them.
    """
    with FakeTensorMode(allow_non_fake_inputs=True):
        run = make(batch)
        with FlopCounterMode(display=False) as counter:
            run()
    return counter.get_total_flops()


def build(make: Callable[[], Net], device: torch.device | str = "cpu") -> Net:
    """make(), initialised on the CPU and moved to `device`.

    In a `FakeTensorMode`, where a module cannot be moved, its weights are fake from the start and none is initialised.
    """
    with unset_fake_temporarily() as faking, torch.device("meta" if faking else "cpu"):
        module = make()
    return module.to(device) if faking is None else with_fake_weights(module)


def clone(module: Net) -> Net:
    """A copy of `module` with weights of its own; with fake ones if its weights are fake."""
    weights = [*module.parameters(), *module.buffers()]
    if not any(isinstance(weight, FakeTensor) for weight in weights):
        return copy.deepcopy(module)
    # Fake weights cannot be copied: the copy first shares them, then gets new ones.
    return with_fake_weights(copy.deepcopy(module, {id(weight): weight for weight in weights}))


def with_fake_weights(module: Net) -> Net:
    """The module with a fake CPU tensor in the place of every weight; inside of a `FakeTensorMode`."""
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype), weight.requires_grad))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, torch.empty(buffer.shape, dtype=buffer.dtype))
    return module
