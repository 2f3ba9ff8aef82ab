"""Context noise and row-wise generators."""

import pytest
import torch

from lamo.predictors.interface import Context
from lamo.predictors.randomness import corrupt, normal


def zeros(rows: int) -> Context:
    return Context(torch.zeros(rows, 2, 2, 5, 10), torch.zeros(rows, 3, 20, 10))


def test_sigma_is_uniform_per_sample_and_shared_by_motion_and_states():
    noisy = corrupt(zeros(2000), 1.0, torch.Generator().manual_seed(0))
    motion, states = noisy.motion.flatten(1).std(1), noisy.states.flatten(1).std(1)
    assert float(torch.corrcoef(torch.stack([motion, states]))[0, 1]) > 0.99
    levels = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])
    torch.testing.assert_close(torch.quantile(states, levels), levels, rtol=0, atol=0.03)


def test_noise_is_standard_normal_and_independent_between_motion_and_states():
    noisy = corrupt(zeros(2000), 1.0, torch.Generator().manual_seed(1))
    scaled = noisy.motion.flatten(1) / noisy.motion.flatten(1).std(1, keepdim=True)
    assert float(scaled.mean()) == pytest.approx(0.0, abs=0.01)
    assert float(scaled.pow(4).mean()) == pytest.approx(3.0, abs=0.1)
    pair = torch.stack([noisy.motion.flatten(1)[:, :100].flatten(), noisy.states.flatten(1)[:, :100].flatten()])
    assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.02


def test_scale_of_the_noise_and_off():
    noisy = corrupt(zeros(500), 0.25, torch.Generator().manual_seed(2))
    assert float(noisy.states.flatten(1).std(1).max()) < 0.3
    clean = zeros(3)
    assert corrupt(clean, 0.0, torch.Generator()) is clean


def test_rows_with_their_own_generators_are_independent_of_the_batch():
    def rows(*seeds: int) -> torch.Tensor:
        return normal((len(seeds), 7), [torch.Generator().manual_seed(s) for s in seeds], torch.zeros(1))

    assert torch.equal(rows(5, 6, 7)[1], rows(6)[0])
    with pytest.raises(ValueError, match="2 generators for a batch of 3"):
        normal((3, 7), [torch.Generator(), torch.Generator()], torch.zeros(1))
