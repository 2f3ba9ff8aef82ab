"""The weights in results/weights: they load, and their rollouts are what they were on drives of a world never seen."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lamo.midway.learning.validation import Validation
from lamo.midway.network import Midway
from lamo.stores.windows import ShardArray
from lamo.world.forks import ForksConfig
from lamo.world.render import render
from lamo.world.simulation import WorldConfig, clip_seed, simulate

WEIGHTS = Path(__file__).resolve().parents[2] / "results" / "weights"
FORKS = ForksConfig(junctions=0.3, lights=0.15, leads=0.15)
DRIVES, FRAMES = 6, 30


def drives(split: str, forks: ForksConfig) -> list[ShardArray]:
    """Drives of another world seed, rendered small, at five frames per second."""
    config = WorldConfig(seed=7, seconds=FRAMES / 5, forks=forks)
    drives = [simulate(config, clip_seed(config, split, i)) for i in range(DRIVES)]
    large = [render(drive, config, slice(None, None, config.fps // 5)) for drive in drives]
    frames = [one.reshape(FRAMES, 32, 2, 64, 2, 3).mean(axis=(2, 4)) for one in large]
    return [ShardArray(np.concatenate(frames).round().astype(np.uint8), np.arange(DRIVES + 1) * FRAMES)]


@pytest.mark.parametrize(
    ("name", "forks"), [("compact", ForksConfig()), ("compact-forks", FORKS), ("compact-noise", FORKS)]
)
def test_motion_tokens_carry_motion_and_the_forward_model_content(name, forks):
    model = Midway.load(WEIGHTS / name)
    values = Validation(model, drives("train", forks), drives("val", forks), 0, torch.device("cpu"), False, True)()
    for step in (1, 3, 8):
        assert values[f"swap_gap_db_step{step}"] > 6.5
        assert values[f"over_blur_db_step{step}"] > 3.5
        assert values[f"sharpness_step{step}"] > 0.8
