"""Training windows for the predictors, read from latents stores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.predictors.interface import Context, Geometry
from lamo.predictors.statistics import Statistics
from lamo.stores.latents import LatentsStore, all_finite
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

    def past(self, predicts: str) -> Tensor:
        """The observed values of the same kind, oldest first."""
        return self.context.states if predicts == "state" else self.context.motion

    def last(self, predicts: str) -> Tensor:
        """The last observed value of the same kind: the constant-motion or persistence prediction."""
        if predicts == "state":
            return self.context.states[:, -1]
        return self.context.motion[:, -1] if self.context.motion.shape[1] else torch.zeros_like(self.motion)


def geometry_of(stores: Sequence[LatentsStore], history: int) -> Geometry:
    """Sizes found in the stores, which are alike (`open_latents`)."""
    state_width = stores[0].state.shape[-1]
    _, levels, tokens, motion_width = stores[0].motion.shape
    return Geometry(history, levels, tokens, motion_width, stores[0].grid, state_width)


@dataclass(frozen=True)
class LatentRows:
    """What the stores hold of some windows, float16: states [B, K + 2, P, D_z], motion [B, K + 1, L, M, D_m].

    `place` [B] is where in 0..1 each lies among all windows; None if nothing is known of that.
    """

    states: Tensor
    motion: Tensor
    place: Tensor | None = None


class LatentWindows:
    """All windows of K + 2 consecutive frames of the clips in `stores`: K + 1 observed and the one to predict.

    Raises `LamoError` if no clip is that long.
    """

    def __init__(self, stores: Sequence[LatentsStore], history: int, statistics: Statistics) -> None:
        self.history, self.statistics, self._stores = history, statistics, stores
        length = history + 2
        self._states = Windows([ShardArray(store.state, store.offsets) for store in stores], length)
        self._motion = Windows([ShardArray(store.motion, store.offsets) for store in stores], length)

    def __len__(self) -> int:
        return len(self._states)

    def read(self, picks: Sequence[int] | np.ndarray) -> LatentRows:
        """The windows `picks` as they are stored.

        Raises:
            LamoError: a value is not finite; the statistics that stage 03 checks are of the training clips alone.
        """
        # The motion row of the last frame leads beyond the window.
        rows = {"state": self._states.read(picks), "motion": self._motion.read(picks, self.history + 1)}
        for name, values in rows.items():
            if not all_finite(values):
                bad = next(pick for pick, window in zip(picks, values, strict=True) if not all_finite(window))
                raise LamoError(f"{self._clip(int(bad))}: its {name} holds values that are not finite; encode it again")
        place = torch.as_tensor(np.asarray(picks) / len(self), dtype=torch.float32)
        return LatentRows(torch.from_numpy(rows["state"]), torch.from_numpy(rows["motion"]), place)

    def _clip(self, pick: int) -> str:
        """The clip that the window `pick` lies in, for people."""
        shard, row = self._states.place(pick)
        store = self._stores[shard]
        return f"{store.path}: clip {store.clip_ids[int(np.searchsorted(store.offsets, row, side='right')) - 1]}"

    def batch(self, picks: Sequence[int] | np.ndarray, device: torch.device | str = "cpu") -> Batch:
        """The windows `picks`, read and normalised."""
        return normalised(self.read(picks), self.statistics, device)


def normalised(rows: LatentRows, statistics: Statistics, device: torch.device | str = "cpu") -> Batch:
    """Stored windows as normalised contexts and targets, float32, on `device`."""
    statistics = statistics.to(device)
    states = statistics.normalise_state(rows.states.to(device).float())
    motion = statistics.normalise_motion(rows.motion.to(device).float())
    place = None if rows.place is None else rows.place.to(device)
    return Batch(Context(motion[:, :-1], states[:, :-1], place), motion[:, -1], states[:, -1])


def example_rows(geometry: Geometry, batch: int) -> LatentRows:
    """Windows of the shapes and types of stored ones, all zero."""
    history = geometry.history
    states = torch.zeros(batch, history + 2, geometry.patches, geometry.state_width, dtype=torch.float16)
    shape = (batch, history + 1, geometry.levels, geometry.tokens, geometry.motion_width)
    return LatentRows(states, torch.zeros(shape, dtype=torch.float16), torch.zeros(batch))
