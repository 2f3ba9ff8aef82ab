"""Oracle-motion rollouts of one variant on held-out clips, beside what they have to be read with."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.errors import LamoError
from lamo.images import to_input
from lamo.metrics.pixel import score_frames
from lamo.midway.learning.fitting import fit_recurrence, recomputation_error, with_recurrence
from lamo.midway.network import Midway
from lamo.predictors.statistics import Statistics
from lamo.rollout.autoregressive import Plan
from lamo.rollout.blur import fit_blur
from lamo.rollout.controls import roll_out_control, true_frames
from lamo.rollout.frozen_models import FrozenModels
from lamo.rollout.windows import choose_windows, thin
from lamo.stores.rollouts import Window
from lamo.stores.windows import Windows
from lamo.training.seed import seed_everything
from lamo.training.session import Session
from studies.recurrence.models import LEVELS, Data, Models
from studies.recurrence.settings import Study, Variant

METHODS = (
    "oracle_motion", "shuffled_motion", "decoder_ceiling", "persistence_latent", "persistence_pixels",
    "persistence_blurred",
)  # fmt: skip
METRICS = ("psnr", "ssim", "sharpness")
MEASURED_FRAMES = 256
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bench:
    """What all variants are measured on: windows of held-out clips, the plan, and the blur fitted for each step."""

    data: Data
    plan: Plan
    windows: list[Window]
    sigmas: list[float]
    steps: tuple[int, ...]


def make_bench(data: Data, study: Study) -> Bench:
    """One observed frame and the longest of the study's steps, from windows spread over each held-out clip."""
    config = study.config
    plan = Plan(0, max(config.steps), 1, config.batch, 0, config.mixed_precision)
    train, held_out = (
        choose_windows(clips.lengths(), plan.length, config.stride, config.windows_per_clip)
        for clips in (data.train_clips, data.held_out_clips)
    )
    fitted_on = thin(train, config.blur_windows)
    blurs = study.default.rollouts.blur_sigmas
    sigmas = fit_blur(data.train_clips, fitted_on, plan.history, plan.steps, blurs, config.batch)
    return Bench(data, plan, held_out, sigmas, config.steps)


def measure(variant: Variant, study: Study, models: Models, bench: Bench) -> dict[str, Any]:
    """Everything that the table says about a variant and one seed, as plain values.

    `scores`: method -> metric -> [W, steps]; a method whose rollout is not finite is missing.
    """
    trained = models.midway(variant.trained)
    seed_everything(models.seed)
    model, new = with_recurrence(trained.model, variant.midway.recurrence)
    if new:
        fit_recurrence(model, models.data.train, models.seed, Session(models.device))
    role = variant.midway.recurrence.role
    scores = roll_out(model, models.decoder(trained, role, study.decoder), bench, models.device)
    facts = {"minutes": trained.minutes, "samples": trained.samples, "trains": variant.trains}
    if variant.midway.recurrence.top == "recomputed":
        windows = Windows(models.data.held_out, 1)
        picks = np.random.default_rng(0).permutation(len(windows))[:MEASURED_FRAMES]
        images = to_input(windows.read(picks)[:, 0], models.device)
        facts["recomputation_error"] = recomputation_error(model, images)
    return {"windows": [[one.clip_id, one.start] for one in bench.windows], "scores": scores, **facts}


def roll_out(model: Midway, decoder: PixelDecoder, bench: Bench, device: torch.device) -> dict[str, Any]:
    """Scores of the oracle and of the controls at the steps of `bench`."""
    # The normalisation is for predictors; none takes part here.
    nothing, one = torch.zeros((), device=device), torch.ones((), device=device)
    statistics = Statistics(nothing, one, nothing, one)
    world = FrozenModels(model, decoder, statistics, LEVELS, model.config.recurrence.role, device)
    at = [step - 1 for step in bench.steps]
    truth = true_frames(bench.data.held_out_clips, bench.windows, bench.plan).frames[:, :, at]
    scores = {}
    for method in METHODS:
        frames = _frames(method, world, bench, at)
        if frames is not None:
            found = score_frames(frames, truth)
            scores[method] = {name: getattr(found, name)[:, 0].tolist() for name in METRICS}
    return scores


def _frames(method: str, world: FrozenModels, bench: Bench, at: Sequence[int]) -> np.ndarray | None:
    """Frames at the steps; None where a rollout diverges, which without a projection is a result and no mistake."""
    try:
        rolled = roll_out_control(method, world, bench.data.held_out_clips, bench.windows, bench.plan, bench.sigmas)
    except LamoError as error:
        if "not finite" not in str(error):
            raise
        logger.warning("%s", error)
        return None
    return rolled.frames[:, :, at]
