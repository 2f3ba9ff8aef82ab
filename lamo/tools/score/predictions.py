"""Reading the predictions of somebody else's model.

Shapes: W windows, S samples, T steps, H and W height and width of a frame.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lamo.errors import LamoError
from lamo.stores.checksums import is_foreign
from lamo.video.config import FramesConfig
from lamo.video.decoded import OK
from lamo.video.sandbox import Sandbox

ARRAY, VIDEOS = ".npy", (".mp4", ".mkv")
# Names of windows that one line has room for.
_SHOWN = 3


@dataclass(frozen=True)
class Expected:
    """The frames that a prediction has to have: `steps` of `height` x `width` pixels, at `rate_hz` per second."""

    steps: int
    height: int
    width: int
    rate_hz: float

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[T, H, W, 3]"""
        return self.steps, self.height, self.width, 3


def none_there(folder: Path, ids: Sequence[str]) -> bool:
    """Whether there is no prediction at all of these windows."""
    return not any(_places(folder, one) for one in ids)


def read_predictions(folder: Path, ids: Sequence[str], expected: Expected, samples: int | None = None) -> np.ndarray:
    """The predictions of the windows `ids`: uint8 [W, S, T, H, W, 3]. S is `samples` if that is given.

    Raises:
        LamoError: windows are missing, or a prediction cannot be read or has another form, as `lamo score` says it.
    """
    found = [_places(folder, one) for one in ids]
    missing = [one for one, places in zip(ids, found, strict=True) if not places]
    if missing:
        raise LamoError(
            f"{folder}: found no prediction of {len(missing)} of {len(ids)} windows "
            f"({_few(missing)}), expected {missing[0]}{ARRAY} or a folder {missing[0]} for each; predict these, too"
        )
    frames: list[np.ndarray] = []
    with ExitStack() as stack:
        decode = _decoder(expected, stack)
        for places in tqdm(found, desc="reading predictions", unit="window"):
            if len(places) > 1:
                raise LamoError(f"{places[0]}: found {places[1].name} beside it, expected one of the two; remove one")
            one = _videos(places[0], decode) if places[0].is_dir() else _array(places[0], expected)
            wanted = samples or len(frames[0] if frames else one)
            if len(one) != wanted:
                raise LamoError(
                    f"{places[0]}: found {_counted(len(one))}, expected {wanted} as "
                    f"{'windows with one future have' if samples else f'in {ids[0]}'}; give all windows equally many"
                )
            frames.append(one)
    return np.stack(frames)


def _places(folder: Path, name: str) -> list[Path]:
    return [path for path in (folder / f"{name}{ARRAY}", folder / name) if path.exists()]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _counted(samples: int) -> str:
    return f"{samples} sample{'' if samples == 1 else 's'}"


def _array(path: Path, expected: Expected) -> np.ndarray:
    """The futures [S, T, H, W, 3] in a .npy file."""
    try:
        frames = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise LamoError(f"{path}: not an array that can be read ({reason}); save it by numpy.save") from None
    if frames.ndim != 5 or frames.shape[1:] != expected.shape or not len(frames):
        raise LamoError(
            f"{path}: found an array of shape {frames.shape}, expected (samples, {', '.join(map(str, expected.shape))})"
            f": samples, the {expected.steps} frames after the observed ones, height, width, RGB"
        )
    if frames.dtype != np.uint8:
        remedy = "convert it by numpy.asarray(x, numpy.uint8)"
        if frames.dtype.kind == "f":
            remedy = "if it is in 0..1, convert it by (255 * x).round().clip(0, 255).astype(numpy.uint8)"
        raise LamoError(f"{path}: found values of type {frames.dtype}, expected uint8, 0 to 255; {remedy}")
    return frames


def _videos(folder: Path, decode: Callable[[Path], np.ndarray]) -> np.ndarray:
    """The futures [S, T, H, W, 3] in the videos of a folder, in the order of their names."""
    files = sorted(path for path in folder.iterdir() if not is_foreign(path.name))
    other = [path for path in files if path.suffix.lower() not in VIDEOS]
    if other or not files:
        raise LamoError(
            f"{other[0] if other else folder}: found {'no video' if other else 'an empty folder'}, expected a video "
            f"({', '.join(VIDEOS)}) for each sample of the window"
        )
    return np.stack([decode(path) for path in files])


def _decoder(expected: Expected, stack: ExitStack) -> Callable[[Path], np.ndarray]:
    """A function that reads a video [T, H, W, 3]; a file that crashes the decoder stops nothing but itself."""
    settings = {"height": expected.height, "width": expected.width, "rate_hz": expected.rate_hz}
    sandbox = stack.enter_context(Sandbox(FramesConfig(**settings, fit="stretch", min_frames=1)))

    def decode(path: Path) -> np.ndarray:
        decoded = sandbox.decode(path)
        source = decoded.source
        if decoded.status != OK:
            raise LamoError(f"{path}: found a video that is not whole ({decoded.reason}); write it again")
        if (source.height, source.width) != (expected.height, expected.width):
            raise LamoError(
                f"{path}: found frames of {source.width} x {source.height} pixels, expected {expected.width} x "
                f"{expected.height}; scale them"
            )
        if len(decoded.frames) != expected.steps:
            raise LamoError(
                f"{path}: found {len(decoded.frames)} frames at {expected.rate_hz:g} per second, expected "
                f"{expected.steps}, those after the observed ones; write these alone, at that rate"
            )
        return decoded.frames

    return decode
