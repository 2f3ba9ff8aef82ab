"""Another recurrence for a trained network: what it lacks is fitted, with everything else frozen."""

import itertools
import logging
from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from lamo.images import to_input
from lamo.midway.config import RecurrenceConfig
from lamo.midway.learning.objective import feature_losses
from lamo.midway.learning.sampling import FrameWindows
from lamo.midway.network import Midway
from lamo.midway.state import State
from lamo.stores.windows import ShardArray, ShuffledOrder, Windows
from lamo.training.device import mixed_precision
from lamo.training.learner import Learner, local_rows
from lamo.training.loader import Loader
from lamo.training.loop import Training, TrainingLog
from lamo.training.optim import adamw, cosine, set_learning_rate
from lamo.training.session import Session

SCALE_FRAMES = 512
RIDGE = 1e-4
logger = logging.getLogger(__name__)


def with_recurrence(model: Midway, recurrence: RecurrenceConfig) -> tuple[Midway, bool]:
    """A frozen copy of `model` in eval mode with another recurrence, and whether it has parts that are new and so have
    to be fitted. Parts that the other recurrence does not use are left behind."""
    config = model.config.model_copy(update={"recurrence": recurrence})
    copy = Midway(config, model.image).to(next(model.parameters()).device)
    new = copy.load_state_dict(model.state_dict(), strict=False).missing_keys
    return copy.eval().requires_grad_(False), bool(new)


def fit_recurrence(model: Midway, frames: Sequence[ShardArray], seed: int, session: Session) -> None:
    """Fit what `recurrence.top` adds to the published model, on frames uint8 [N, H, W, 3], with all else frozen:
    the forward model of a predicted top level, or the stream's scale of recomputed levels; nothing for a held one.

    Raises `LamoError` if no clip is long enough, or when a loss is not finite.
    """
    top = model.config.recurrence.top
    if top == "predicted":
        fit_top(model, frames, seed, session)
    elif top == "recomputed":
        fit_stream_scale(model, frames, seed, session.device)


def fit_top(model: Midway, frames: Sequence[ShardArray], seed: int, session: Session) -> TrainingLog:
    """Train the forward model of the top level in rollouts of `recurrence.fit.unroll` steps, under the motion tokens of
    true frames, towards the teacher's features, by the distance that the network was trained with."""
    fit, clip = model.config.recurrence.fit, model.config.training.clip
    windows = Windows(frames, fit.unroll + 1)
    top = model.forward_dynamics[model.levels].requires_grad_(True)
    optimizer = adamw([top], fit.learning_rate, model.config.training.weight_decay)
    learner: Learner[FrameWindows] = Learner(
        lambda batch: _top_losses(model, to_input(batch.frames, session.device)), [top], optimizer, clip, session
    )

    def step(index: int) -> dict[str, Tensor | float]:
        rate = cosine(index, fit.steps, fit.learning_rate, 0.02 * fit.learning_rate, fit.steps // 20)
        set_learning_rate(optimizer, rate)
        return {**learner.learn(next(batches), fit.batch), "learning_rate": rate}

    training = Training("midway: top level", fit.steps, session, {"top": top, "optimizer": optimizer})
    draws = ShuffledOrder(len(windows), seed).batches(
        fit.batch, training.first * fit.batch, local_rows(session, fit.batch)
    )
    read = lambda picks: FrameWindows(torch.from_numpy(windows.read(picks)))  # noqa: E731
    with Loader(read, islice(draws, fit.steps - training.first), session.workers) as batches:
        log = training.run(step, fit.batch, waited=lambda: batches.waited_s)
    top.requires_grad_(False)
    return log


def _top_losses(model: Midway, images: Tensor) -> dict[str, Tensor]:
    """Losses of rollouts of the top level alone from the first of images [B, T, 3, H, W], and of holding it fixed."""
    role = model.config.recurrence.role
    with mixed_precision(images.device, model.config.training.mixed_precision):
        with torch.no_grad():
            sources = _encode(model, images, role)
            targets = sources if role == "teacher" else _encode(model, images, "teacher")
            motion = [model.inverse(a, b) for a, b in itertools.pairwise(sources)]
        upper, losses, held = sources[0][-1], [], []
        for tokens, (before, after) in zip(motion, itertools.pairwise(targets), strict=True):
            prediction = model.predict_top((upper,), tokens)
            losses += feature_losses(model, (prediction,), before[-1:], after[-1:])
            held += feature_losses(model, targets[0][-1:], before[-1:], after[-1:])
            upper = model.project(prediction)
    return {"loss": torch.stack(losses).mean(), "loss_held": torch.stack(held).mean()}


@torch.no_grad()
def fit_stream_scale(model: Midway, frames: Sequence[ShardArray], seed: int, device: torch.device) -> None:
    """Fit `stream_scale` by ridge regression: the logarithm of the standard deviation of each token of the teacher's
    stream at level 0 from the token's standardised features."""
    images = _sample(frames, seed, device)
    rows, targets = [], []
    for batch in images.split(64):
        streams: list[Tensor] = []
        hook = model.teacher.norm.register_forward_pre_hook(lambda _, inputs, kept=streams: kept.append(inputs[0]))
        finest = model.encode(batch, "teacher")[0]
        hook.remove()
        rows.append(model.standardise(finest).flatten(0, 1).double())
        targets.append(streams[0].std(-1, correction=0).clamp_min(1e-6).log().flatten().double())
    x, y = torch.cat(rows), torch.cat(targets)
    mean, centre = x.mean(0), y.mean()
    x = x - mean
    gram = x.T @ x / len(x) + RIDGE * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    weight = torch.linalg.solve(gram, x.T @ (y - centre) / len(x))
    model.stream_scale.weight.copy_(weight[None])
    model.stream_scale.bias.copy_((centre - mean @ weight)[None])
    missed = ", ".join(f"{error:.2g}" for error in recomputation_error(model, images))
    logger.info("upper levels recomputed from true frames miss the true ones by %s of their variance", missed)


@torch.no_grad()
def recomputation_error(model: Midway, images: Tensor) -> list[float]:
    """What recomputing loses on true frames [B, 3, H, W]: mean squared error of the standardised features of each level
    above the finest, recomputed from the true finest one; 2 would be unrelated."""
    sums = None
    for batch in images.split(64):
        true = model.encode(batch, "teacher")
        pairs = zip(model.recompute(true[0])[1:], true[1:], strict=True)
        errors = torch.stack([(model.standardise(a) - model.standardise(b)).square().mean() for a, b in pairs])
        sums = errors * len(batch) + (0 if sums is None else sums)
    return (sums / len(images)).tolist()


def _sample(frames: Sequence[ShardArray], seed: int, device: torch.device) -> Tensor:
    windows = Windows(frames, 1)
    picks = np.random.default_rng(seed).permutation(len(windows))[:SCALE_FRAMES]
    return to_input(windows.read(picks)[:, 0], device)


def _encode(model: Midway, images: Tensor, role: str) -> list[State]:
    """States of images [B, T, 3, H, W], one for each of T frames."""
    levels = [level.unflatten(0, images.shape[:2]) for level in model.encode(images.flatten(0, 1), role)]
    return [tuple(level[:, t] for level in levels) for t in range(images.shape[1])]
