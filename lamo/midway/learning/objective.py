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
    """`total` is minimised; `terms`, detached, are its parts and the mean of the gates, for the log."""

    total: Tensor
    terms: dict[str, Tensor]


class DynamicsObjective:
    """Losses of the transitions of a window and of the rollout from its first frame, weighted as the form says.

    Each step has a distance of predicted and true features for every level. With a `readout`, pixels are read from the
    finest level and compared too: their squared error over the variance of the truth, and the `contrast_loss`. The
    loss is the mean over steps of the sums.
    """

    def __init__(self, model: Midway, readout: PixelReadout | None) -> None:
        self.model = model
        self.form = model.form
        self.readout = readout

    def __call__(self, sources: State, targets: State, sharpen: bool = True) -> DynamicsLoss:
        """Loss of T consecutive frames: `sources` by the student, `targets` by the teacher, [B, T, 1 + P, D] per level.

        `sharpen`: whether the contrast counts.
        """
        batch = sources[0].shape[0]
        steps = sources[0].shape[1] - 1
        # All transitions at once: [B, T - 1] pairs flattened.
        source = tuple(z[:, :-1].flatten(0, 1) for z in sources)
        before = tuple(z[:, :-1].flatten(0, 1) for z in targets)
        after = tuple(z[:, 1:].flatten(0, 1) for z in targets)
        transition = self.model.infer(source, after)
        levels = feature_losses(self.model, transition.predictions, before, after)
        terms = {f"loss_level{i}": level for i, level in enumerate(levels)}
        pixels = self._pixels(self.model.project(transition.predictions[0]), after[0])
        totals = [torch.stack(levels).sum() + self._weigh(pixels, sharpen)]
        for z, at, to in self._unroll(transition, sources, targets, (batch, steps)):
            levels = feature_losses(self.model, z, at, to)
            pixels = self._pixels(z[0], to[0])
            totals.append(torch.stack(levels).sum() + self._weigh(pixels, sharpen))
        terms |= {"loss_last_step": totals[-1], **pixels, **_mean_gate(transition)}
        total = torch.stack(totals).mean()
        return DynamicsLoss(total, {name: value.detach() for name, value in terms.items()})

    def _unroll(
        self, transition: Transition, sources: State, targets: State, shape: tuple[int, int]
    ) -> Iterator[tuple[State, State, State]]:
        """Predicted, previous and true levels of steps 2, 3, ... of the rollout from the first frame of each window.

        The first step of the rollout is among the transitions [batch, steps] and is taken from there. Without laterals
        no level needs another one, so only the finest, which is decoded, is unrolled.
        """
        motion = transition.motion.unflatten(0, shape)
        first = tuple(p.unflatten(0, shape)[:, 0] for p in transition.predictions)
        alone = not self.model.source_laterals
        if shape[1] > 1:
            start = tuple(level[:, 0] for level in sources)
            z = (self.model.project(first[0]),) if alone else self.model.close(start, first)
        for t in range(1, shape[1]):
            z = (self.model.advance(0, z[0], motion[:, t, 0]),) if alone else self.model.step(z, motion[:, t])
            yield (
                z[: self.model.levels],
                tuple(level[:, t] for level in targets),
                tuple(level[:, t + 1] for level in targets),
            )

    def _pixels(self, finest: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Unweighted losses of the pixels that are read from the finest level [B, 1 + P, D]."""
        if self.readout is None:
            return {}
        predicted, true = self.readout(finest), self.readout(truth.detach())
        return {
            "pixel": (predicted - true).square().mean() / _variance(true).clamp_min(1e-6),
            "contrast": contrast_loss(predicted, true, self.form.contrast_window),
        }

    def _weigh(self, pixels: dict[str, Tensor], sharpen: bool) -> Tensor | float:
        if not pixels:
            return 0.0
        weight = self.form.contrast_weight if sharpen else 0.0
        return self.form.pixel_weight * pixels["pixel"] + weight * pixels["contrast"]


def feature_losses(model: Midway, predictions: State, before: State, after: State) -> tuple[Tensor, ...]:
    """Distances of `predictions` from the features `after` that follow on `before`, as the form has them, by level.

    Levels of the truth that are not predicted are left out. The squared distance is taken of standardised features, so
    that it is 0 only where the projection of the prediction is right.
    """
    form = model.form
    if form.distance == "squared":
        predictions, before, after = (
            tuple(map(model.standardise, z[: len(predictions)])) for z in (predictions, before, after)
        )
    return motion_loss(predictions, before, after, form.distance, form.change_weight).levels


def _variance(images: Tensor) -> Tensor:
    """Variance of the values of all images of the batch."""
    share, total = share_size()
    if share == total:
        return images.var()
    mean = batch_mean(images.mean())
    square = batch_mean(images.square().mean())
    count = images.numel() * total / share
    return (square - mean.square()) * count / (count - 1)


def _mean_gate(transition: Transition) -> dict[str, Tensor]:
    """The mean of all gates, for the log; nothing for a published network of one block, which has none."""
    gates = [gate.mean() for level in transition.gates for gate in level]
    return {"gate_mean": torch.stack(gates).mean()} if gates else {}
