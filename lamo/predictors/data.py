"""Training windows for the predictors, read from latents stores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.predictors.interface import Context, Geometry
from lamo.predictors.statistics import Statistics
from lamo.stores.latents import LatentsStore
from lamo.stores.windows import ShardArray, Windows


@dataclass(frozen=True)
class Batch:
    """Contexts with what follows them, all normalised.

    Attributes:
        context: see `Context`.
        motion: the next motion tokens m_t, [B, L, M, D_m].
        state: the next state z_{t+1}, [B, P, D_z].
    """

    context: Context
    motion: Tensor
    state: Tensor

    def target(self, predicts: str) -> Tensor:
        """What a predictor of `predicts` (motion or state) has to predict."""
        return self.motion if predicts == "motion" else self.state

    def last(self, predicts: str) -> Tensor:
        """The last observed value of the same kind: the constant-motion or persistence prediction."""
        if predicts == "state":
            return self.context.states[:, -1]
        return self.context.motion[:, -1] if self.context.motion.shape[1] else torch.zeros_like(self.motion)


def geometry_of(stores: Sequence[LatentsStore], history: int, grid: tuple[int, int]) -> Geometry:
    """Sizes found in the stores.

    Raises:
        LamoError: the patches do not fill `grid` (h, w).
    """
    _, patches, state_width = stores[0].state.shape
    _, levels, tokens, motion_width = stores[0].motion.shape
    geometry = Geometry(history, levels, tokens, motion_width, grid, state_width)
    if patches != geometry.patches:
        raise LamoError(
            f"{stores[0].path}: {patches} patches per state, expected {grid[0]} x {grid[1]} = {geometry.patches}"
        )
    return geometry


class LatentWindows:
    """All windows of K + 2 consecutive frames of the clips in `stores`: K + 1 observed and the one to predict.

    Raises `LamoError` if no clip is that long.
    """

    def __init__(self, stores: Sequence[LatentsStore], history: int, statistics: Statistics) -> None:
        self.history, self.statistics = history, statistics
        length = history + 2
        # Row K + 1 of the motion windows leads beyond the window and is dropped; reading it keeps both in step.
        self._states = Windows([ShardArray(store.state, store.offsets) for store in stores], length)
        self._motion = Windows([ShardArray(store.motion, store.offsets) for store in stores], length)

    def __len__(self) -> int:
        return len(self._states)

    def batch(self, indices: Sequence[int] | np.ndarray, device: torch.device | str = "cpu") -> Batch:
        """The windows `indices`, normalised, float32, on `device`."""
        statistics = self.statistics.to(device)
        states = statistics.normalise_state(torch.from_numpy(self._states.read(indices)).to(device).float())
        motion = torch.from_numpy(self._motion.read(indices)[:, :-1]).to(device).float()
        motion = statistics.normalise_motion(motion)
        return Batch(Context(motion[:, :-1], states[:, :-1]), motion[:, -1], states[:, -1])
