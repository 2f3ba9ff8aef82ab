"""What frames that are seen during a rollout are worth: scores with and without them, against the time since the last.

python -m benchmarks.grounding RUN [--model FOLDER] [--windows N] [--samples N]

RUN is the folder of a finished run, whose held-out clips are used. Minutes on one core.
"""

import argparse
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import torch

import lamo
from benchmarks.timing import machine, table
from lamo.errors import LamoError
from lamo.metrics.samples import energy_score, frame_distances
from lamo.model.world_model import WorldModel
from lamo.rollout.windows import ClipFrames, choose_windows
from lamo.stages import CONFIG_FILE, STAGES, ShareConfig
from lamo.statistics.intervals import ClipBootstrap, Interval
from lamo.stores.atomic import read_json
from lamo.stores.frames import open_frames
from lamo.stores.rollouts import Window

SEEN = 4
"""The step at which the last of the frames is seen; the predictor's context is as long."""
AFTER = (1, 2, 4, 8)
"""Steps after it at which futures are scored."""
CASES: Mapping[str, Sequence[int]] = {
    "nothing": (),
    "one frame": (SEEN,),
    "two frames": (SEEN - 1, SEEN),
    "every frame": tuple(range(1, SEEN + 1)),
}
RESAMPLES = 1000
BATCH = 16


def scores(model: WorldModel, clips: ClipFrames, windows: Sequence[Window], samples: int) -> dict[str, np.ndarray]:
    """Of each case, for each window and step after the last frame that is seen: PSNR and energy score, [W, 2, T]."""
    start = model.frames_needed
    length = start + SEEN + max(AFTER)
    found: dict[str, list[np.ndarray]] = {name: [] for name in CASES}
    for begin in range(0, len(windows), BATCH):
        frames = clips.read(windows[begin : begin + BATCH], 0, length)
        truth = frames[:, None, start + SEEN :]
        for name, steps in CASES.items():
            futures = model.rollout(
                frames[:, :start], (SEEN + max(AFTER)) / model.facts.frames.rate_hz, samples,
                torch.Generator().manual_seed(begin), observed={step: frames[:, start + step - 1] for step in steps},
            )  # fmt: skip
            error, spread = frame_distances(futures.frames[:, :, SEEN:], truth)
            psnr = (-20 * np.log10(error.clip(min=1e-5))).mean(axis=1)
            found[name].append(np.stack([psnr, energy_score(error, spread, False)], axis=1))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def gains(found: Mapping[str, np.ndarray], windows: Sequence[Window], rate_hz: float) -> str:
    """A row for each case: both scores at each step, and beside them the difference from having seen nothing."""
    bootstrap = ClipBootstrap([window.clip_id for window in windows], RESAMPLES)
    rows = []
    for name, values in found.items():
        row = [name]
        for score, decimals in ((0, 2), (1, 4)):
            for step in AFTER:
                text = f"{values[:, score, step - 1].mean():.{decimals}f}"
                if name != "nothing":
                    gain = bootstrap.mean(values[:, score, step - 1] - found["nothing"][:, score, step - 1])
                    text += f" ({_with_half(gain, decimals)})"
                row.append(text)
        rows.append(row)
    titles = [f"{name} {step / rate_hz:g} s after" for name in ("PSNR (dB)", "energy") for step in AFTER]
    return table(["seen meanwhile", *titles], rows)


def _with_half(gain: Interval, decimals: int) -> str:
    return f"{gain.mean:+.{decimals}f} ±{gain.half:.{decimals}f}"


def frames_folder(run: Path) -> Path:
    """The folder of stage 01, which a run may share with another."""
    config = read_json(run / CONFIG_FILE)
    return Path(ShareConfig(**config["share"]).folder("frames", str(run))) / STAGES["frames"].folder


def held_out(run: Path) -> ClipFrames:
    """The held-out clips of a run."""
    stores = sorted((frames_folder(run) / "frames" / "val").glob("*.zarr"))
    if not stores:
        raise LamoError(f"{run}: found no frames of held-out clips, expected a run with stage 01; run it")
    manifests = [store.with_suffix(".manifest.json") for store in stores]
    return ClipFrames(open_frames(list(map(str, stores)), list(map(str, manifests))))


def main() -> None:
    """Roll out, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--model", type=Path, help="folder of another world model; default: that of the run")
    parser.add_argument("--windows", type=int, default=3, help="windows of each clip")
    parser.add_argument("--samples", type=int, default=4, help="futures of each window")
    options = parser.parse_args()
    model = lamo.load(options.model or options.run)
    clips = held_out(options.run)
    length = model.frames_needed + SEEN + max(AFTER)
    windows = choose_windows(clips.lengths(), length, 1, options.windows)
    text = gains(scores(model, clips, windows, options.samples), windows, model.facts.frames.rate_hz)
    measured = (
        f"{len(windows)} windows of {len(clips.lengths())} held-out clips of the run `{model.facts.run}`, "
        f"{options.samples} futures of each by {model.sampler.label}; measured {date.today()} on {machine(Path.cwd())}."
    )
    print(f"{text}\n\n{measured}")


if __name__ == "__main__":
    main()
