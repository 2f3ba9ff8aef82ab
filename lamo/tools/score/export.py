"""Writing the observed frames of a run's windows."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from lamo.report.videos import write_mp4
from lamo.rollout.windows import ClipFrames
from lamo.stores.atomic import replacing, write_json
from lamo.stores.frames import open_frames
from lamo.stores.rows import RowReader
from lamo.tools.score.finished_run import CONTEXT, FinishedRun
from lamo.tools.score.window_list import FUTURE, LIST, OBSERVED, STORES, listed, window_list

# Pixels are doubled in videos: these keep colour for every second pixel only, and have sides of even length.
_DOUBLE = 2


def export_windows(folder: Path, output: Path, with_truth: bool) -> dict[str, int]:
    """Write the windows of the finished run in `folder` to the new folder `output`, whole or not at all.

    Returns:
        The number of windows by name of the set.

    Raises:
        LamoError: the run is not finished, or a store of it is missing or damaged.
    """
    run = FinishedRun.open(folder)
    sets = listed(run)
    clips = ClipFrames(open_frames(*run.held_out()))
    observed = run.steps(CONTEXT)
    with replacing(output) as temporary:
        for name in (OBSERVED, FUTURE) if with_truth else (OBSERVED,):
            (temporary / name).mkdir(parents=True)
        for name, windows in sets.items():
            truth = RowReader(run.store(STORES[name])[0] / "frames")
            for number, one in enumerate(tqdm(windows, desc=f"windows {name}", unit="window")):
                (seen,) = clips.read([one.window], 0, observed)
                _write(temporary / OBSERVED / one.id, seen, run.rate_hz)
                if with_truth:
                    _write(temporary / FUTURE / one.id, truth[number][0], run.rate_hz)
        write_json(temporary / LIST, window_list(run, with_truth))
    return {name: len(windows) for name, windows in sets.items()}


def _write(path: Path, frames: np.ndarray, rate_hz: float) -> None:
    """Frames [F, H, W, 3] as `path`.npy and `path`.mp4."""
    np.save(path.with_suffix(".npy"), frames, allow_pickle=False)
    write_mp4(path.with_suffix(".mp4"), list(frames.repeat(_DOUBLE, axis=1).repeat(_DOUBLE, axis=2)), rate_hz)
