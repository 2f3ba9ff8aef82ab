"""Rates of this machine, each measured on the code that does the work.

In core-seconds, the time of the processors, so that other work beside it matters little.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import torch

from lamo.config import Config
from lamo.images import blur_frames
from lamo.metrics.features.examples import render_examples
from lamo.metrics.features.world import WorldNetTask
from lamo.metrics.pixel import score_frames
from lamo.metrics.samples import score_samples
from lamo.predictors.statistics import compute_statistics
from lamo.stores.latents import LatentsStore, LatentsWriter
from lamo.tools.plan.geometry import Sizes
from lamo.training.fit import Optimisation
from lamo.world.write import render_world

# What a job imports before it does anything, measured in a process of its own.
START = "import torch, torchvision, zarr, pandas, pyarrow.parquet, snakemake.script, lamo.jobs.job"


@dataclass(frozen=True)
class Rates:
    """Core-seconds: `start` of a job; `latents` and `statistics` per byte of latents written and read again; `score`
    and `blur` per frame; `render` per drive and `drive_bytes` of its video (synthetic world); `features` of all that
    training the features of the Frechet distance takes."""

    start: float
    latents: float
    statistics: float
    score: float
    blur: float
    render: float
    drive_bytes: float
    features: float


def core_seconds() -> float:
    """Time of the processors that this process and its finished children have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def timed(work: Callable[[], object], enough_s: float = 0.4) -> float:
    """Core-seconds of `work`, the least of as many calls as fit into `enough_s`, but the first."""
    work()
    times: list[float] = []
    while not times or sum(times) < enough_s:
        start = core_seconds()
        work()
        times.append(core_seconds() - start)
    return min(times)


def measure_rates(sizes: Sizes, folder: Path) -> Rates:
    """All rates that depend on no video; writes below `folder`."""
    config = sizes.config
    start = timed(lambda: subprocess.run([sys.executable, "-c", START], check=True, capture_output=True), 0.0)
    latents, statistics = _latents(sizes, folder)
    # The bars of stages that only give a sample here would say nothing.
    with redirect_stderr(StringIO()):
        render, drive_bytes = _rendering(config, folder) if config.videos.root is None else (0.0, 0.0)
        features = 0.0 if config.metrics.fid.weights else _features(config)
    return Rates(start, latents, statistics, _scoring(sizes), _blurring(sizes), render, drive_bytes, features)


def _latents(sizes: Sizes, folder: Path) -> tuple[float, float]:
    """Core-seconds per byte of writing latents, and of computing their statistics."""
    shape, frames = sizes.geometry, max(2, min(200, 2**25 // sizes.latent_bytes))
    draw = np.random.default_rng(0)
    state = draw.standard_normal((frames, shape.patches, shape.state_width), dtype=np.float32)
    motion = draw.standard_normal((frames, shape.levels, shape.tokens, shape.motion_width), dtype=np.float32)
    paths = folder / "latents.zarr", folder / "latents.manifest.json"

    def write() -> None:
        with LatentsWriter(*paths, shape.grid, sizes.config.latents.levels) as writer:
            writer.add_clip("clip", state, motion)

    written = timed(write)
    read = timed(lambda: compute_statistics([LatentsStore(*paths)]))
    return written / (frames * sizes.latent_bytes), read / (frames * sizes.latent_bytes)


def _scoring(sizes: Sizes) -> float:
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 1, 1, *sizes.image, 3), dtype=np.uint8)
    predicted, truth = frames
    return timed(lambda: score_samples(predicted, truth, score_frames(predicted, truth))) / frames.shape[1]


def _blurring(sizes: Sizes) -> float:
    """Of the mean over all blurs."""
    frame = np.zeros((*sizes.image, 3), dtype=np.uint8)
    sigmas = sizes.config.rollouts.blur_sigmas
    return timed(lambda: [blur_frames(frame, sigma) for sigma in sigmas]) / len(sigmas)


def _rendering(config: Config, folder: Path) -> tuple[float, float]:
    """Core-seconds and bytes of one rendered drive, the mean of two."""
    spent = timed(lambda: render_world(config.world, "val", range(2), folder / "world"), 0.0)
    files = list((folder / "world" / "videos" / "val").iterdir())
    return spent / 2, sum(file.stat().st_size for file in files) / len(files)


def _features(config: Config) -> float:
    """Rendering the examples and all training steps, from one drive and a step on its frames."""
    wanted = config.metrics.world_features
    one = wanted.model_copy(update={"frames": min(wanted.frames_per_drive, wanted.frames)})
    size, draws = (config.frames.height, config.frames.width), []
    render = timed(lambda: draws.append(render_examples(config.world, one, "train", *size)), 0.0)
    task = WorldNetTask(wanted, size, len(draws[-1].names), torch.device("cpu"))
    batch = wanted.training.batch
    optimisation, rows = Optimisation(task), task.example_rows(batch)
    step = timed(lambda: optimisation.step(0, rows, batch))
    drives = (wanted.frames + wanted.held_out_frames) / wanted.frames_per_drive
    return drives * render + wanted.training.steps * step
