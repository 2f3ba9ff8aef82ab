"""The list of the windows that others are to predict: `windows.json`.

format, run        version of this list; name of the run
truth              SHA-256 of what lists the true frames: tells runs of one name apart
height, width      of the frames; pixels
rate_hz            frames per second
predict_frames     how many frames come after the observed ones and are to be predicted
samples            futures of a window by row of the run's table
several, single    the windows whose several futures are scored, and the many with one future each: of each
    id             names the files of its predictions
    clip           which clip it is of
    start_frame    number of its first observed frame in the clip, from 0; start_s, the same in seconds
    observed_frames, observed_s    how many frames are observed, and how long they last together
    observed, video                the files with these frames, for programs and for looking
    truth, truth_video             the same of the frames that came next; only if they were asked for
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lamo.errors import LamoError
from lamo.stores.atomic import read_json
from lamo.stores.checksums import sha256
from lamo.stores.rollouts import Window
from lamo.tools.score.finished_run import CONTEXT, SINGLE_TRUTH, TRUTH, FinishedRun

LIST = "windows.json"
FORMAT = 1
SEVERAL, SINGLE = "several", "single"
STORES = {SEVERAL: TRUTH, SINGLE: SINGLE_TRUTH}
OBSERVED, FUTURE = "observed", "truth"


@dataclass(frozen=True)
class Listed:
    """A window of a run, under the name by which others know it."""

    id: str
    window: Window


def listed(run: FinishedRun) -> dict[str, list[Listed]]:
    """The windows of both sets of a run by name of the set, in the order of the stores."""
    return {
        name: [Listed(f"{name}-{number:04d}", window) for number, window in enumerate(run.windows(store))]
        for name, store in STORES.items()
    }


def window_list(run: FinishedRun, with_truth: bool) -> dict[str, Any]:
    """The content of `windows.json`. Which windows start at a fork is not said: it would tell of the future."""
    height, width = run.size
    observed = run.steps(CONTEXT)
    sets = {
        name: [_described(one, observed, run.rate_hz, with_truth) for one in windows]
        for name, windows in listed(run).items()
    }
    return {
        "format": FORMAT,
        "run": run.name,
        "truth": _fingerprint(run),
        "height": height,
        "width": width,
        "rate_hz": run.rate_hz,
        "predict_frames": run.steps(TRUTH),
        "samples": run.samples,
        **sets,
    }


def _described(one: Listed, observed: int, rate_hz: float, with_truth: bool) -> dict[str, Any]:
    found = {
        "id": one.id,
        "clip": one.window.clip_id,
        "start_frame": one.window.start,
        "start_s": round(one.window.start / rate_hz, 6),
        "observed_frames": observed,
        "observed_s": round(observed / rate_hz, 6),
        "observed": f"{OBSERVED}/{one.id}.npy",
        "video": f"{OBSERVED}/{one.id}.mp4",
    }
    if with_truth:
        found |= {"truth": f"{FUTURE}/{one.id}.npy", "truth_video": f"{FUTURE}/{one.id}.mp4"}
    return found


def check_list(folder: Path, run: FinishedRun) -> None:
    """Whether the list in `folder` is that of `run`.

    Raises:
        LamoError: there is no list, it is of another version, or of another run.
    """
    file = folder / LIST
    if not file.is_file():
        raise LamoError(f"{file}: not found; copy the one that `lamo windows` wrote beside the predictions")
    found = read_json(file)
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise LamoError(f"{file}: found no list of windows of format {FORMAT}; copy the one that `lamo windows` wrote")
    if found.get("truth") != _fingerprint(run):
        raise LamoError(
            f"{file}: found windows of the run {found.get('run')} with other true frames than those of {run.folder} "
            f"({run.name}); score them with the run that they are of, or predict its windows"
        )


def _fingerprint(run: FinishedRun) -> list[str]:
    """SHA-256 of the manifests of the true frames, which hold the checksums of all windows and frames."""
    return [sha256(run.store(store)[1]) for store in STORES.values()]
