"""Forecasts whose order is known: true futures of the synthetic world, and the same with errors of one size.

Shapes: W windows, S samples, frames of H x W pixels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from lamo.world.render import render
from lamo.world.simulation import WorldConfig, clip_seed, futures, simulate

HORIZON_S = 1.6
SIZE = (32, 64)
# Pixels: the patch of the benchmark's Midway Network, and the standard deviation of a blob of the smooth error.
PATCH = 8
BLOB = 5.0


@dataclass(frozen=True)
class Made:
    """What happened from W states of the world, and what else could have happened.

    Attributes:
        truth: frames uint8 [W, H, W, 3] after the horizon.
        others: other futures of the same states, [W, S, H, W, 3]: draws of the same chance.
        last: the frames of the states, [W, H, W, 3].
        elsewhere: frames of other drives, which are those of no state, [W, S, H, W, 3].
        clips: number of each state's drive, [W].
    """

    truth: np.ndarray
    others: np.ndarray
    last: np.ndarray
    elsewhere: np.ndarray
    clips: np.ndarray


def make(drives: int, windows: int, samples: int, world: WorldConfig | None = None) -> Made:
    """`windows` states of each of so many drives, each with 1 + `samples` futures."""
    world = world or WorldConfig()
    ahead = round(HORIZON_S * world.fps)
    # Later than two seconds, when cars have found their places.
    frames = np.linspace(2 * world.fps, round(world.seconds * world.fps) - ahead - 1, windows).astype(int)
    states, elsewhere = [], []
    for drive in tqdm(range(drives), desc="rendering futures", unit="drive", mininterval=2.0):
        seed = clip_seed(world, "made", drive)
        states += [_pictures(world, seed, int(frame), ahead, 1 + samples) for frame in frames]
        other = simulate(world, clip_seed(world, "elsewhere", drive))
        chosen = np.linspace(frames[0], frames[-1] + ahead, windows * samples).astype(int)
        elsewhere.append(render(other, world, chosen, *SIZE))
    last, after = (np.stack(one) for one in zip(*states, strict=True))
    others = np.concatenate(elsewhere).reshape(len(last), samples, *SIZE, 3)
    return Made(after[:, 0], after[:, 1:], last, others, np.repeat(np.arange(drives), windows))


def _pictures(world: WorldConfig, seed: int, frame: int, ahead: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The frame of a state [H, W, 3], and those of `count` futures [count, H, W, 3]."""
    after = futures(world, seed, frame, count, until=frame + ahead + 1)
    pictures = [render(one, world, np.array([frame + ahead]), *SIZE)[0] for one in after]
    return render(after[0], world, np.array([frame]), *SIZE)[0], np.stack(pictures)


def forecasts(made: Made, size: float, seed: int = 0) -> Iterator[tuple[str, np.ndarray]]:
    """Name and frames uint8 [W, S, H, W, 3] of each forecast; errors have the root mean square `size`, of 0..1."""
    generator = np.random.default_rng(seed)
    yield "other true futures", made.others
    for name, error in ERRORS.items():
        found = error(made.others, size, generator)
        yield name, found.round().clip(0, 255).astype(np.uint8)
    yield "another drive", made.elsewhere
    samples = made.others.shape[1]
    yield "the last frame", np.repeat(made.last[:, None], samples, axis=1)


def _with(frames: np.ndarray, noise: np.ndarray, size: float) -> np.ndarray:
    return frames + noise * (255 * size / np.sqrt(np.square(noise).mean()))


def _blobs(frames: np.ndarray, size: float, generator: np.random.Generator) -> np.ndarray:
    noise = generator.normal(size=frames.shape)
    return _with(frames, gaussian_filter(noise, (0, 0, BLOB, BLOB, 0)), size)


def _blurred(frames: np.ndarray, size: float, generator: np.random.Generator) -> np.ndarray:
    """Blurred as much as it takes for an error of that size."""
    for sigma in np.arange(0.3, 20.0, 0.1):
        found = gaussian_filter(frames.astype(np.float64), (0, 0, sigma, sigma, 0))
        if np.sqrt(np.square(found - frames).mean()) >= 255 * size:
            break
    return found


def _blocks(frames: np.ndarray, size: float, generator: np.random.Generator) -> np.ndarray:
    windows, samples, height, width, _ = frames.shape
    noise = generator.normal(size=(windows, samples, height // PATCH, width // PATCH, 3))
    return _with(frames, noise.repeat(PATCH, axis=2).repeat(PATCH, axis=3), size)


def _noise(frames: np.ndarray, size: float, generator: np.random.Generator) -> np.ndarray:
    return _with(frames, generator.normal(size=frames.shape), size)


ERRORS: dict[str, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "+ smooth error": _blobs,
    "+ blur": _blurred,
    "+ blocks": _blocks,
    "+ independent noise": _noise,
}
"""What is added to other true futures. A good forecast of which nobody sees an error is better than one with blobs of
colour, and this is better than confetti; blur and blocks lie between."""
