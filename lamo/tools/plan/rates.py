"""How long a unit of each kind of data work takes on this machine, each measured on the code that does the work.

In core-seconds, the time of the processors, so that other work beside it matters little.
"""

import math
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

from lamo.errors import LamoError
from lamo.images import blur_frames
from lamo.metrics.distribution import FrameSets
from lamo.metrics.features.efficientnet import WIDTH as IMAGENET_WIDTH
from lamo.metrics.features.examples import render_examples
from lamo.metrics.features.i3d import I3dFeatures
from lamo.metrics.features.imagenet import BATCH, ImageNetFeatures
from lamo.metrics.features.inception import INCEPTION_WIDTH
from lamo.metrics.features.world import WIDTH as WORLD_WIDTH
from lamo.metrics.perceptual import BATCH as LPIPS_BATCH
from lamo.metrics.perceptual import Lpips
from lamo.metrics.pixel import score_frames
from lamo.metrics.samples import score_samples
from lamo.predictors.statistics import compute_statistics
from lamo.stores.frames import FramesWriter
from lamo.stores.latents import LatentsStore, LatentsWriter
from lamo.stores.rollouts import Window
from lamo.tools.plan.clips import ASSUMED_PIXELS, Clips
from lamo.tools.plan.geometry import Sizes
from lamo.video.decode import decode_clip
from lamo.world.simulation import WorldConfig
from lamo.world.write import render_world, write_video

# What a job imports before it does anything, measured in a process of its own.
START = "import torch, torchvision, zarr, pandas, pyarrow.parquet, snakemake.script, lamo.jobs.job"
DECODING_S = 8.0
SCORED = 8
# Frames whose features are compared at most, and clips that are left out of them, to measure the distances.
MOST_COMPARED = 1000
LEFT_OUT = 8


@dataclass(frozen=True)
class Rates:
    """Core-seconds of one job's `start`, and of a unit of the other kinds of work.

    `ratio`: bytes of frames over those that they take on the disk. `video_bytes`: of a rendered drive. `decoded`:
    videos that were decoded to measure this.
    """

    start: float
    of: dict[str, float]
    ratio: float
    video_bytes: float
    decoded: int

    def seconds(self, amounts: dict[str, float]) -> float:
        """Core-seconds of these amounts; of kinds that are not measured none."""
        return sum(count * self.of.get(kind, 0.0) for kind, count in amounts.items())


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


def measure_rates(sizes: Sizes, clips: Clips, folder: Path) -> Rates:
    """Measure all that the configuration has a use for; writes below `folder`.

    Raises:
        LamoError: no video of the sample can be decoded.
    """
    config = sizes.config
    start = timed(lambda: subprocess.run([sys.executable, "-c", START], check=True, capture_output=True), 0.0)
    written, read = _latents(sizes, folder)
    rates = {"bytes of latents": written, "bytes of latents read": read}
    rates |= {"frames scored": _scoring(sizes), "frames seen": _seeing(sizes), "distances": _distances(sizes)}
    rates |= {"frames blurred": _blurring(sizes), **_given_networks(sizes)}
    videos: list[tuple[str, float]] = []
    video_bytes = 0.0
    with redirect_stderr(StringIO()):  # the bars of samples would say nothing
        if clips.basis == "world":
            rates["frames rendered"], videos = _rendering(config.world, folder)
            video_bytes = sum(Path(path).stat().st_size for path, _ in videos) / len(videos)
        if config.metrics.fid.weights is None:
            rates["examples rendered"] = _examples(sizes)
    if clips.basis == "videos":
        # Training clips first: there are more of them.
        sampled = {one.path: one.pixels for split in clips.splits.values() for one in split.sample if one.frames}
        videos = list(sampled.items())
    if clips.basis == "options":
        videos = [made_video(folder / "made.mp4")]
    decoding, ratio, decoded = _decoding(sizes, videos, folder)
    return Rates(start, rates | decoding, ratio, video_bytes, decoded)


def _latents(sizes: Sizes, folder: Path) -> tuple[float, float]:
    """Per byte of latents: writing them, and computing their statistics."""
    shape = sizes.geometry
    frames = max(2, min(200, 2**25 // sizes.latent_bytes))
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
    """Of a frame of one of several samples, as a run has them: samples are compared with each other too."""
    shape = (SCORED, sizes.config.rollouts.samples, sizes.plan.steps, *sizes.image, 3)
    predicted = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    truth = predicted[:, :1, ::-1]
    samples = predicted.shape[1]

    def work() -> None:
        score_samples(predicted, truth, truth, score_frames(predicted, truth), samples == 1)

    return timed(work) / math.prod(shape[:3])


def _seeing(sizes: Sizes) -> float:
    """Of the ImageNet features of a frame."""
    frames = np.random.default_rng(0).integers(0, 256, (BATCH, *sizes.image, 3), dtype=np.uint8)
    extract = ImageNetFeatures()
    return timed(lambda: extract(frames)) / BATCH


def _given_networks(sizes: Sizes) -> dict[str, float]:
    """Of LPIPS of a frame, and of the features of a clip for FVD, where the run has their weights."""
    metrics = sizes.config.metrics
    rates = {}
    if metrics.lpips.weights is not None:
        lpips = Lpips(metrics.lpips.weights)
        frames = np.zeros((LPIPS_BATCH, *sizes.image, 3), dtype=np.uint8)
        rates["frames compared"] = timed(lambda: lpips(frames, frames)) / LPIPS_BATCH
    if metrics.fvd.weights is not None:
        i3d = I3dFeatures(metrics.fvd.weights)
        clip = np.zeros((1, sizes.plan.length, *sizes.image, 3), dtype=np.uint8)
        rates["clips seen"] = timed(lambda: i3d(clip))
    return rates


def _distances(sizes: Sizes) -> float:
    """Of all distances of one row at one horizon, for each time that they are computed: without each of some clips."""
    config = sizes.config
    count = min(MOST_COMPARED, config.rollouts.single_windows * len(config.predictors.seeds))
    windows = [Window(f"{number % LEFT_OUT}", number) for number in range(count)]
    sets = FrameSets(windows, None, config.metrics.bootstrap)
    draw = np.random.default_rng(0)
    widths = (IMAGENET_WIDTH, INCEPTION_WIDTH if config.metrics.fid.weights else WORLD_WIDTH)
    frames = [draw.standard_normal((2, count, width), dtype=np.float32) for width in widths]

    def work() -> None:
        for truth, predicted in frames:
            sets.frechet(truth, [predicted])
            sets.kernel(truth, [predicted])

    return timed(work) / (1 + LEFT_OUT)


def _blurring(sizes: Sizes) -> float:
    """The mean over all blurs."""
    frame = np.zeros((*sizes.image, 3), dtype=np.uint8)
    sigmas = sizes.config.rollouts.blur_sigmas
    return timed(lambda: [blur_frames(frame, sigma) for sigma in sigmas]) / len(sigmas)


def _rendering(world: WorldConfig, folder: Path) -> tuple[float, list[tuple[str, float]]]:
    """Of a frame of the world; and two drives that were rendered, with their pixels."""
    spent = timed(lambda: render_world(world, "val", range(2), folder / "world"), 0.0)
    frames = world.seconds * world.fps
    files = sorted((folder / "world" / "videos" / "val").iterdir())
    return spent / 2 / frames, [(str(file), frames * world.height * world.width) for file in files]


def _examples(sizes: Sizes) -> float:
    """Of a frame that the features of the Frechet distance are trained on."""
    wanted = sizes.config.metrics.world_features
    one = wanted.model_copy(update={"frames": min(wanted.frames_per_drive, wanted.frames)})
    spent = timed(lambda: render_examples(sizes.config.world, one, "train", *sizes.image), 0.0)
    return spent / one.frames


def made_video(path: Path) -> tuple[str, float]:
    """A video to decode where there is none: two seconds of the assumed size, at about 4 Mbit/s as BDD100K's.

    Textures that move, under the noise of a sensor, which takes most of the bits.
    """
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (104, 168, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    scene = np.clip(coarse * 0.8 + draw.integers(-12, 13, (832, 1344, 3)) + 20, 0, 255)
    noise = draw.integers(-6, 7, (8, 720, 1280, 1))
    frames = [scene[step : step + 720, step : step + 1280] + noise[step % 8] for step in range(60)]
    write_video(path, np.stack([frame.clip(0, 255).astype(np.uint8) for frame in frames]), 30, 20)
    return str(path), 2 * ASSUMED_PIXELS


def _decoding(sizes: Sizes, videos: list[tuple[str, float]], folder: Path) -> tuple[dict[str, float], float, int]:
    """Of a decoded pixel and of a byte of frames written; the ratio of compression; how many videos were decoded."""
    config = sizes.config.frames
    spent = pixels = 0.0
    decoded = []
    reasons = []
    for path, count in videos:
        start = core_seconds()
        one = decode_clip(path, config.model_copy(update={"min_frames": 1}))
        if len(one.frames) == 0:
            reasons.append(f"{path} ({one.reason})")
            continue
        spent += core_seconds() - start
        pixels += count
        decoded.append(one)
        if spent > DECODING_S:
            break
    if not decoded:
        raise LamoError(f"none of {len(videos)} videos can be decoded, e.g. {reasons[0]}; give other videos")
    store = folder / "frames.zarr"
    start = core_seconds()
    with FramesWriter(store, folder / "frames.manifest.json", config.height, config.width) as writer:
        for index, one in enumerate(decoded):
            writer.add_clip(str(index), one.frames, one.times)
    written = core_seconds() - start
    raw = sum(one.frames.nbytes for one in decoded)
    on_disk = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    rates = {"pixels decoded": spent / max(pixels, 1.0), "bytes of frames": written / raw}
    return rates, raw / on_disk, len(decoded)
