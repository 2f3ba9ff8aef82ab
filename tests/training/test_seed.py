"""Reproducible randomness, and mixed precision."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lamo.training.seed import generator, seed_everything

CPU = torch.device("cpu")
keys = st.lists(st.integers(0, 2**63), min_size=2, max_size=2)


@pytest.fixture
def _restored():
    """Undo what `seed_everything` sets for the whole process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def draws() -> tuple:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


@pytest.mark.usefixtures("_restored")
def test_every_source_of_randomness_follows_the_seed():
    seed_everything(3)
    first, more = draws(), draws()
    seed_everything(3)
    assert draws() == first
    seed_everything(4)
    other = draws()
    assert all(a != b for a, b in zip(first, more, strict=True))
    assert all(a != b for a, b in zip(first, other, strict=True))


@pytest.mark.usefixtures("_restored")
def test_threads_and_determinism_are_set():
    before = torch.get_num_threads()
    seed_everything(0)
    assert torch.get_num_threads() == before
    assert torch.are_deterministic_algorithms_enabled()
    seed_everything(0, threads=1)
    assert torch.get_num_threads() == 1


def stream(*key: int) -> list[float]:
    return torch.rand(4, generator=generator(CPU, *key)).tolist()


@given(key=keys)
def test_a_stream_depends_on_its_key_alone(key):
    first = stream(*key)
    torch.rand(3)
    assert stream(*key) == first
    assert stream(key[0] + 1, key[1]) != first
    assert stream(key[0], key[1] + 1) != first


def test_streams_of_different_keys_are_independent():
    noise = torch.stack([torch.randn(4000, generator=generator(CPU, *key)) for key in ((0, 1), (1, 0), (0, 2), (1, 1))])
    correlation = torch.corrcoef(noise) - torch.eye(4)
    assert float(correlation.abs().max()) < 0.06
