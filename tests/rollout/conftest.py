"""A models whose dynamics are known: a state is the mean colours of a 2 x 2 grid, motion is the change of them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lamo.images import MEAN, STD
from lamo.predictors.statistics import Statistics
from lamo.rollout.autoregressive import Plan
from lamo.rollout.frozen_models import FrozenModels
from lamo.rollout.windows import ClipFrames, choose_windows
from lamo.stores.frames import FramesStore, FramesWriter

SIDE = 8  # pixels; a patch is 4 x 4


class LinearDynamics:
    """z_{t+1} = z_t + m_t with m_t = z_{t+1} - z_t: one level, four patches of three channels, four motion tokens."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, images: Tensor) -> tuple[Tensor]:
        self.encoded += len(images)
        unit = images * images.new_tensor(STD)[:, None, None] + images.new_tensor(MEAN)[:, None, None]
        tokens = torch.nn.functional.avg_pool2d(unit, SIDE // 2).flatten(2).transpose(1, 2)
        return (torch.cat([torch.zeros_like(tokens[:, :1]), tokens], dim=1),)

    def inverse(self, z_source: tuple[Tensor], z_target: tuple[Tensor]) -> Tensor:
        return (z_target[0] - z_source[0])[:, None, 1:]

    def step(self, z: tuple[Tensor], motion: Tensor, only: object = None) -> tuple[Tensor]:
        return (z[0] + torch.nn.functional.pad(motion[:, 0], (0, 0, 1, 0)),)


def decode(state: Tensor) -> Tensor:
    """[B, 4, 3] -> [B, 3, 8, 8], each patch in its colour."""
    grid = state.transpose(1, 2).unflatten(2, (2, 2))
    return grid.repeat_interleave(SIDE // 2, dim=2).repeat_interleave(SIDE // 2, dim=3)


def paint(colours: np.ndarray) -> np.ndarray:
    """Colours [n, 2, 2, 3] -> frames uint8 [n, 8, 8, 3]."""
    return colours.astype(np.uint8).repeat(SIDE // 2, axis=1).repeat(SIDE // 2, axis=2)


def write_clips(folder, clips: dict[str, np.ndarray]) -> ClipFrames:
    store, manifest = folder / "frames.zarr", folder / "frames.manifest.json"
    with FramesWriter(store, manifest, SIDE, SIDE) as writer:
        for clip, frames in clips.items():
            writer.add_clip(clip, frames, np.arange(len(frames)) / 5)
    return ClipFrames([FramesStore(store, manifest)])


@pytest.fixture(scope="session")
def random_clips(tmp_path_factory) -> ClipFrames:
    """Three clips of random colours, and one too short for a window."""
    rng = np.random.default_rng(0)
    lengths = {"a": 16, "b": 20, "c": 14, "short": 5}
    clips = {clip: paint(rng.integers(0, 256, (n, 2, 2, 3))) for clip, n in lengths.items()}
    return write_clips(tmp_path_factory.mktemp("random"), clips)


@pytest.fixture(scope="session")
def linear_clips(tmp_path_factory) -> ClipFrames:
    """Two clips whose colours change at a constant rate of their own: constant motion is exact."""
    rng = np.random.default_rng(1)
    clips = {}
    for clip in ("a", "b"):
        start, speed = rng.integers(100, 150, (2, 2, 3)), rng.integers(-4, 5, (2, 2, 3))
        clips[clip] = paint(start + speed * np.arange(16)[:, None, None, None])
    return write_clips(tmp_path_factory.mktemp("linear"), clips)


@pytest.fixture
def still_clips(tmp_path) -> ClipFrames:
    """A clip in which nothing moves."""
    return write_clips(
        tmp_path, {"still": paint(np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3)).repeat(14, axis=0))}
    )


@pytest.fixture
def models() -> FrozenModels:
    torch.manual_seed(0)
    statistics = Statistics(
        torch.randn(1, 4, 3), 0.5 + torch.rand(1, 4, 3), torch.full((3,), 0.5), torch.tensor([0.1, 0.2, 0.3])
    )
    return FrozenModels(LinearDynamics(), statistics, (0,), torch.device("cpu"), decode)


@pytest.fixture
def plan() -> Plan:
    return Plan(history=3, steps=8, samples=2, batch=3, seed=7)


@pytest.fixture
def windows(random_clips, plan):
    return choose_windows(random_clips.lengths(), plan.length, 2, 3)
