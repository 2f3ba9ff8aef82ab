"""How likely a predictor held what came next: its one-step log-likelihood on the windows of the rollouts."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.predictors.interface import Predictor, Sampler
from lamo.rollout.autoregressive import Plan, window_generator
from lamo.rollout.frozen_models import FrozenModels, Scene
from lamo.rollout.roll import last_of
from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Likelihood, Window
from lamo.training.device import mixed_precision

OF_DENSITY = 2**31
"""Number of a step's density in the place of a sample's, so that its random numbers are its own."""


@torch.inference_mode()
def likelihood(
    models: FrozenModels,
    predictor: Predictor,
    sampler: Sampler,
    clips: ClipFrames,
    windows: Sequence[Window],
    plan: Plan,
    at: Sequence[int],
) -> Likelihood | None:
    """-log p of the true motion tokens (or the true state) of the steps `at` of each window, given the true past.

    Steps are counted from 1; the others are NaN, since the density of a flow costs as much as dozens of samples. None
    if the sampler has no density, as one without chance, or if it is not known.

    Raises:
        LamoError: some densities are not finite, others are.
    """
    parts = []
    for begin in range(0, len(windows), plan.batch):
        scene = Scene(models, clips, windows[begin : begin + plan.batch], plan.history, plan.steps)
        parts.append(torch.stack([_nll(scene, step - 1, predictor, sampler, plan) for step in at], dim=1))
    nll = torch.cat(parts)
    if bool(nll.isnan().all()):
        return None
    bad = (~nll.isfinite()).any(dim=1)
    if bool(bad.any()):
        window = windows[int(bad.nonzero()[0])]
        raise LamoError(
            f"{sampler.label}: the likelihood of the window at frame {window.start} of clip {window.clip_id} is not "
            "finite; train the predictor longer or at a lower learning rate"
        )
    every = np.full((len(windows), plan.steps), np.nan, np.float32)
    every[:, np.asarray(at) - 1] = nll.cpu().numpy()
    return Likelihood(predictor.predicts, every)


def _nll(scene: Scene, step: int, predictor: Predictor, sampler: Sampler, plan: Plan) -> Tensor:
    """Of step `step`, counted from 0, in nats per value: [B]."""
    with mixed_precision(scene.models.device, plan.mixed_precision):
        context = last_of(scene.context(step), predictor.geometry.history)
        last = scene.history + step
        target = scene.motion(last) if predictor.predicts == "motion" else scene.state(last + 1)
    generators = [window_generator(plan.seed, window, OF_DENSITY + step) for window in scene.windows]
    # In float32: rounding to bfloat16 would be summed over all values.
    return -predictor.log_density(context, target, sampler, generators).float() / target[0].numel()
