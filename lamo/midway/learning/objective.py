"""What the dynamics are trained for: predictions of the next states, over one step and over unrolled rollouts."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lamo.midway.learning.readout import PixelReadout, contrast_loss
from lamo.midway.losses import motion_loss
from lamo.midway.network import Midway, Transition
from lamo.midway.state import State
from lamo.nn.share import batch_mean, share_size


@dataclass(frozen=True)
class DynamicsLoss:
    """`total`: to be minimised; `terms`: what it is made of, and the gates' mean, detached, for the log."""

    total: Tensor
    terms: dict[str, Tensor]


class DynamicsObjective:
    """Losses of the transitions of a window and of the rollout from its first frame.

    Every step has a distance of predicted and true features for each level and, where a weight asks for it, of the
    pixels that `readout` reads from the finest level: their squared error over the variance of the truth, and the
    `contrast_loss`. The loss is the mean over steps of their sums.
    """

    def __init__(self, model: Midway, readout: PixelReadout | None) -> None:
        self.model, self.config, self.readout = model, model.config.training, readout

    def __call__(self, sources: State, targets: State, sharpen: bool = True) -> DynamicsLoss:
        """Loss of states [B, T, 1 + P, D] per level of T consecutive frames, by the student and by the teacher;
        `sharpen`: whether the contrast counts."""
        batch, steps = sources[0].shape[0], sources[0].shape[1] - 1
        # All transitions at once: [B, T - 1] pairs flattened.
        source = tuple(z[:, :-1].flatten(0, 1) for z in sources)
        before = tuple(z[:, :-1].flatten(0, 1) for z in targets)
        after = tuple(z[:, 1:].flatten(0, 1) for z in targets)
        transition = self.model.infer(source, after)
        predictions = transition.predictions
        if self.model.config.recurrence.top == "predicted":
            predictions = (*predictions, self.model.predict_top(source, transition.motion))
        levels = feature_losses(self.model, predictions, before, after)
        terms = {f"loss_level{i}": level for i, level in enumerate(levels)}
        pixels = self._pixels(self.model.project(predictions[0]), after[0])
        totals = [torch.stack(levels).sum() + self._weigh(pixels, sharpen)]
        for z, at, to in self._unroll(transition, len(predictions), sources, targets, (batch, steps)):
            levels = feature_losses(self.model, z, at, to)
            pixels = self._pixels(z[0], to[0])
            totals.append(torch.stack(levels).sum() + self._weigh(pixels, sharpen))
        terms |= {"loss_last_step": totals[-1], **pixels, **_mean_gate(transition)}
        total = torch.stack(totals).mean()
        return DynamicsLoss(total, {name: value.detach() for name, value in terms.items()})

    def _unroll(
        self, transition: Transition, count: int, sources: State, targets: State, shape: tuple[int, int]
    ) -> Iterator[tuple[State, State, State]]:
        """Predicted levels (`count` at most), previous and true ones of steps 2, 3, ... of the rollout from the first
        frame of each window; its first step is among the transitions [batch, steps] and is taken from there.

        Without laterals no level needs another one, and the finest is what is decoded: it is unrolled alone.
        """
        motion = transition.motion.unflatten(0, shape)
        first = tuple(p.unflatten(0, shape)[:, 0] for p in transition.predictions)
        alone = not self.model.source_laterals
        if shape[1] > 1:
            start = tuple(level[:, 0] for level in sources)
            z = (self.model.project(first[0]),) if alone else self.model.close(start, first, motion[:, 0])
        for t in range(1, shape[1]):
            z = (self.model.advance(0, z[0], motion[:, t, 0]),) if alone else self.model.step(z, motion[:, t])
            yield z[:count], tuple(level[:, t] for level in targets), tuple(level[:, t + 1] for level in targets)

    def _pixels(self, finest: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Unweighted losses of the pixels that are read from the finest level [B, 1 + P, D]."""
        if self.readout is None:
            return {}
        predicted, true = self.readout(finest), self.readout(truth.detach())
        return {
            "pixel": (predicted - true).square().mean() / _variance(true).clamp_min(1e-6),
            "contrast": contrast_loss(predicted, true, self.config.contrast_window),
        }

    def _weigh(self, pixels: dict[str, Tensor], sharpen: bool) -> Tensor | float:
        if not pixels:
            return 0.0
        weight = self.config.contrast_weight if sharpen else 0.0
        return self.config.pixel_weight * pixels["pixel"] + weight * pixels["contrast"]


def feature_losses(model: Midway, predictions: State, before: State, after: State) -> tuple[Tensor, ...]:
    """Distances of `predictions` from the features `after` that follow on `before`, level by level, as the network is
    trained; levels of the truth that are not predicted are left out.

    The squared distance is taken of standardised features, so that no loss means that the projection is right.
    """
    config = model.config.training
    if config.distance == "squared":
        predictions, before, after = (
            tuple(map(model.standardise, z[: len(predictions)])) for z in (predictions, before, after)
        )
    return motion_loss(predictions, before, after, config.distance, config.change_weight).levels


def _variance(images: Tensor) -> Tensor:
    """Variance of the values of all images of the batch."""
    share, total = share_size()
    if share == total:
        return images.var()
    mean, square, count = batch_mean(images.mean()), batch_mean(images.square().mean()), images.numel() * total / share
    return (square - mean.square()) * count / (count - 1)


def _mean_gate(transition: Transition) -> dict[str, Tensor]:
    """Nothing for a model of one block, which has no gates."""
    gates = [gate.mean() for level in transition.gates for gate in level]
    return {"gate_mean": torch.stack(gates).mean()} if gates else {}
