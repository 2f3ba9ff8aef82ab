"""The section's defaults and what it refuses."""

import pytest
from pydantic import ValidationError

from lamo.metrics.config import MetricsConfig


def test_defaults_are_the_papers_horizons_without_inception():
    config = MetricsConfig()
    assert config.horizons_s == (0.2, 0.6, 1.6)
    assert config.fid.weights is None
    assert MetricsConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    "values",
    [
        {"horizon_s": [0.2]},
        {"horizons_s": []},
        {"sheet": {"rows": [""]}},
        {"bootstrap": {"resamples": 3}},
        {"comparisons": ["flow-20"]},
        {"comparisons": ["flow-20 over "]},
        {"comparisons": ["learned over learned"]},
        {"comparisons": ["gmm over learned"]},
        {"comparisons": ["gmm over gmm"]},
    ],
)
def test_nonsense_is_refused(values):
    with pytest.raises(ValidationError):
        MetricsConfig.model_validate(values)
