"""Windows of frames that the dynamics are trained on."""

from collections.abc import Iterator, Sequence

import numpy as np

from lamo.errors import LamoError
from lamo.midway.training_config import MidwayTrainingConfig
from lamo.stores.windows import ShardArray, Windows, shuffled_batches

# Beside the run's seed, so that drawing gaps leaves the order of the windows as it is.
GAPS = 0x6A


class WindowSampler:
    """Draws the windows of each training step: frames of one clip, one gap apart.

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
        self._order = shuffled_batches(len(self.windows), config.batch, seed + 1)
        self._random = np.random.default_rng([seed, GAPS])

    def __iter__(self) -> Iterator[np.ndarray]:
        """For each training step its windows, frames uint8 [B, T, H, W, 3] with T = unrolled steps + 1."""
        config = self.config
        for step in range(config.steps):
            unroll = config.unroll[min(step * len(config.unroll) // config.steps, len(config.unroll) - 1)]
            # As many frames in every step: longer windows are fewer.
            count = max(1, 2 * config.batch // (unroll + 1))
            yield self.read(next(self._order)[:count], unroll)

    def read(self, picks: np.ndarray, unroll: int) -> np.ndarray:
        """Frames [B, unroll + 1, H, W, 3] of the windows `picks`; a gap, and a start within the window, is drawn for
        each."""
        frames = self.windows.read(picks)
        if self.gaps == (1,):
            return frames[:, : unroll + 1]
        gap = self._random.choice(self.gaps, len(picks))
        first = self._random.integers(0, self.windows.length - gap * unroll)
        rows = first[:, None] + gap[:, None] * np.arange(unroll + 1)
        return frames[np.arange(len(picks))[:, None], rows]
