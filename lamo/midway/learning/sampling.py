"""Windows of frames that the dynamics are trained on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.stores.windows import ShardArray, ShuffledOrder, Windows

# Beside the run's seed, so that drawing gaps leaves the order of the windows as it is.
GAPS = 0x6A


@dataclass(frozen=True)
class Draw:
    """Windows [B] of a training step and which of their rows [B, T] it sees."""

    picks: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class FrameWindows:
    """Frames uint8 [B, T, H, W, 3] of windows of one clip each, one gap apart."""

    frames: Tensor


class WindowSampler:
    """The windows of each training step: frames of one clip, one gap apart.

    Raises `LamoError` if no clip is long enough, or if `gap_s` is no time between frames at `rate_hz`.
    """

    def __init__(
        self, shards: Sequence[ShardArray], config: MidwayTrainingConfig, rate_hz: float | None, seed: int
    ) -> None:
        self.config = config
        self.gaps = (1,) if config.gap_s is None else config.gaps(rate_hz)
        try:
            self.windows = Windows(shards, max(config.unroll) * self.gaps[-1] + 1)
        except LamoError as error:
            if config.gap_s is None:
                raise
            raise LamoError(
                f"{error} ({max(config.unroll)} times the gap of {config.gap_s[1]:g} s of midway.training.gap_s, and "
                "one); shorten the gap or midway.training.unroll"
            ) from None
        self._order = ShuffledOrder(len(self.windows), seed + 1)
        self._seed = seed

    def draws(self, first: int = 0, mine: Callable[[int], slice] = lambda size: slice(None)) -> Iterator[Draw]:
        """What each training step reads, from step `first` on: windows of unrolled steps + 1 frames.

        `mine(size)`: those of the `size` windows of a step that this process reads.
        """
        place = 0
        for step in range(self.config.steps):
            count = self.config.windows_at(step)
            if step >= first:
                chosen = mine(count)
                rows = self._rows(place, count, self.config.unroll_at(step))
                yield Draw(self._order.draw(place, count)[chosen], rows[chosen])
            place += count

    def read(self, draw: Draw) -> FrameWindows:
        """The frames of a draw, and only those."""
        return FrameWindows(torch.from_numpy(self.windows.read_rows(draw.picks, draw.rows)))

    def _rows(self, place: int, count: int, unroll: int) -> np.ndarray:
        """Rows [count, unroll + 1] of each window: the first ones, or with a gap and a start drawn for each."""
        steps = np.arange(unroll + 1)
        if self.gaps == (1,):
            return np.tile(steps, (count, 1))
        # From the place in the order, so that a training that goes on there draws the same.
        random = np.random.default_rng([self._seed, GAPS, place])
        gap = random.choice(self.gaps, count)
        first = random.integers(0, self.windows.length - gap * unroll)
        return first[:, None] + gap[:, None] * steps
