"""The spread of features, and the refusal of an encoder that has none."""

import pytest
import torch

from lamo.errors import LamoError
from lamo.midway.learning.collapse import feature_spread, refuse_collapse


def standardised(features: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.layer_norm(features, features.shape[-1:])


def test_spread_is_one_for_unrelated_samples_and_zero_for_equal_ones():
    free = standardised(torch.randn(64, 10, 32))
    assert float(feature_spread((free,))) == pytest.approx(1.0, abs=0.02)
    assert float(feature_spread((free[:1].expand(64, -1, -1),))) == 0.0


def test_differences_between_places_are_no_spread():
    places = standardised(torch.randn(1, 10, 32)).expand(16, -1, -1)
    assert float(feature_spread((places,))) < 1e-6


def test_the_level_that_is_least_spread_counts():
    free = standardised(torch.randn(64, 10, 32))
    little = standardised(free[:1] + 0.1 * free)
    spread = float(feature_spread((free, little, free)))
    assert spread == pytest.approx(float(feature_spread((little,))))
    assert 0.05 < spread < 0.15


def test_a_spread_below_the_threshold_is_refused():
    refuse_collapse(3, {"feature_spread": 0.06})
    refuse_collapse(3, {"loss": 1.0})  # too few samples to tell
    message = r"training step 3: feature_spread is 0\.012, expected at least 0\.05: the encoder no longer"
    with pytest.raises(LamoError, match=message):
        refuse_collapse(3, {"feature_spread": 0.0123})
