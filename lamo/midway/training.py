"""Training of the Midway Network: encoder pre-training where asked for, then the dynamics."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lamo.midway.config import MidwayConfig, MidwayTrainingConfig
from lamo.midway.dino import DinoTask
from lamo.midway.images import to_input
from lamo.midway.losses import motion_loss
from lamo.midway.network import Midway, State
from lamo.midway.pretraining import pretrain_encoder
from lamo.stores.windows import ShardArray, Windows, shuffled_batches
from lamo.training.device import mixed_precision
from lamo.training.ema import update_ema
from lamo.training.loop import TrainingLog, run_training
from lamo.training.optim import adamw, cosine, descend, set_learning_rate

VALIDATION_WINDOWS = 64
VALIDATION_STEPS = 8


@dataclass(frozen=True)
class TrainedMidway:
    """The model and the logs of its two phases (`pretraining` is None without one)."""

    model: Midway
    pretraining: TrainingLog | None
    dynamics: TrainingLog


def train_midway(
    config: MidwayConfig, train: list[ShardArray], held_out: list[ShardArray], seed: int, device: torch.device
) -> TrainedMidway:
    """Train on frames uint8 [N, H, W, 3] of the `train` shards; `held_out` clips only measure.

    Raises `LamoError` if no clip is long enough, or when a loss is not finite.
    """
    height, width = train[0].array.shape[1:3]
    model = Midway(config, (height, width)).to(device)
    training = config.training
    pretraining = None
    if training.pretraining.steps:
        frames = Windows(train, 1)
        pretraining = pretrain_encoder(
            model.student, frames, training.pretraining, seed, device, training.mixed_precision
        )
        model.teacher.load_state_dict(model.student.state_dict())
        model.student.requires_grad_(False)
    dynamics = DynamicsTraining(model, training, train, held_out, seed, device).run()
    return TrainedMidway(model.eval(), pretraining, dynamics)


class DynamicsTraining:
    """Trains everything that is not frozen on windows of consecutive frames."""

    def __init__(
        self, model: Midway, config: MidwayTrainingConfig, train: list[ShardArray], held_out: list[ShardArray],
        seed: int, device: torch.device,
    ) -> None:  # fmt: skip
        self.model, self.config, self.device = model, config, device
        self.frozen_encoder = not any(p.requires_grad for p in model.student.parameters())
        self.windows = Windows(train, max(config.unroll) + 1)
        self.batches = shuffled_batches(len(self.windows), config.batch, seed + 1)
        self.dino = DinoTask(model.student, model.teacher, config.dino, device) if config.dino.weight else None
        modules = [model, *([self.dino.student_head] if self.dino else [])]
        self.optimizer = adamw(modules, config.learning_rate, config.weight_decay)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.validation = self._validation_windows(held_out, seed)

    def run(self) -> TrainingLog:
        """Train for the configured number of steps."""
        self.model.train()
        return run_training(
            self._step, self.config.steps, 2 * self.config.batch, "midway: dynamics", self._validate,
            self.config.validate_every,
        )  # fmt: skip

    def _step(self, index: int) -> dict[str, Tensor | float]:
        config = self.config
        warmup = int(config.warmup * config.steps)
        rate = cosine(index, config.steps, config.learning_rate, config.final_learning_rate, warmup)
        set_learning_rate(self.optimizer, rate)
        unroll = config.unroll[min(index * len(config.unroll) // config.steps, len(config.unroll) - 1)]
        # As many frames in every step: longer windows are fewer.
        count = max(1, 2 * config.batch // (unroll + 1))
        frames = self.windows.read(next(self.batches)[:count])[:, : unroll + 1]
        if config.both_directions and index % 2:
            frames = np.ascontiguousarray(frames[:, ::-1])
        with mixed_precision(self.device, config.mixed_precision):
            images = to_input(frames, self.device)
            losses, gates = self._losses(images)
            dino = self.dino.loss(frames) if self.dino else torch.zeros(())
        loss = torch.stack([level for levels in losses for level in levels]).sum() / len(losses)
        norm = descend(self.optimizer, loss + config.dino.weight * dino, self.parameters, config.clip)
        self._update_teacher(index)
        values = {f"loss_level{i}": level.detach() for i, level in enumerate(losses[0])}
        return {
            "loss": loss.detach(), **values, "loss_last_step": sum(losses[-1]).detach(), "dino": dino.detach(),
            "gate_mean": gates, "gradient_norm": norm, "learning_rate": rate, "unroll": unroll,
        }  # fmt: skip

    def _losses(self, images: Tensor) -> tuple[list[tuple[Tensor, ...]], Tensor]:
        """Level losses of each unrolled step of `images` [B, T, 3, H, W], and the mean gate."""
        batch, steps = images.shape[0], images.shape[1] - 1
        targets = self._encode(images, "teacher")
        sources = targets if self.frozen_encoder else self._encode(images, "student")
        # All transitions at once: [B, T - 1] pairs flattened.
        source = tuple(z[:, :-1].flatten(0, 1) for z in sources)
        before = tuple(z[:, :-1].flatten(0, 1) for z in targets)
        after = tuple(z[:, 1:].flatten(0, 1) for z in targets)
        transition = self.model.infer(source, after)
        predictions = transition.predictions
        if self.model.config.recurrence.top == "predicted":
            predictions = (*predictions, self.model.predict_top(source, transition.motion))
        losses = [self._compare(predictions, before, after)]
        gates = torch.stack([g.mean() for level in transition.gates for g in level]).mean().detach()
        # The first step of the rollout is among the transitions above; it goes on from their projected predictions.
        motion = transition.motion.unflatten(0, (batch, steps))
        first = [self.model.project(p).unflatten(0, (batch, steps))[:, 0] for p in predictions]
        z = tuple(first) if len(first) == len(sources) else (*first, sources[-1][:, 0])
        for t in range(1, steps):
            at, to = tuple(level[:, t] for level in targets), tuple(level[:, t + 1] for level in targets)
            if self.model.source_laterals:
                z = self.model.step(z, motion[:, t])
                losses.append(self._compare(z[: len(first)], at, to))
            else:
                # Without laterals no level needs another one, and the finest is what is decoded: unroll it alone.
                z = (self.model.advance(0, z[0], motion[:, t, 0]),)
                losses.append(self._compare(z, at, to))
        return losses, gates

    def _compare(self, predictions: State, before: State, after: State) -> tuple[Tensor, ...]:
        """Losses of `predictions` of the features `after`, level by level.

        The squared distance is taken of standardised features, so that no loss means that the projection is right.
        """
        if self.config.distance == "squared":
            predictions, before, after = (
                tuple(map(self.model.standardise, z)) for z in (predictions, before[: len(predictions)], after)
            )
        return motion_loss(predictions, before, after, self.config.distance, self.config.change_weight).levels

    def _encode(self, images: Tensor, role: str) -> State:
        """Levels [B, T, 1 + P, D] of all frames; without gradient for the teacher and a frozen student."""
        with torch.set_grad_enabled(role == "student" and not self.frozen_encoder):
            levels = self.model.encode(images.flatten(0, 1), role)
        return tuple(level.unflatten(0, images.shape[:2]) for level in levels)

    def _update_teacher(self, index: int) -> None:
        momentum = cosine(index, self.config.steps, self.config.teacher_momentum, 1.0)
        model = self.model
        update_ema(model.target_laterals, model.source_laterals, momentum)
        if model.config.inverse.pairing == "tokens":
            update_ema(model.inverse_dynamics.target_embed, model.inverse_dynamics.source_embed, momentum)
        if not self.frozen_encoder:
            update_ema(model.teacher, model.student, momentum)
        if self.dino:
            self.dino.update_teacher(momentum)

    # --- validation: do the tokens carry motion? ---

    def _validation_windows(self, held_out: list[ShardArray], seed: int) -> Tensor:
        windows = Windows(held_out, VALIDATION_STEPS + 1)
        picks = np.random.default_rng(seed).permutation(len(windows))[:VALIDATION_WINDOWS]
        return to_input(windows.read(picks), self.device)

    @torch.no_grad()
    def _validate(self) -> dict[str, float]:
        """Feature-space error of level 0 at rollout steps 1 and 8 on held-out clips: with the oracle's motion tokens,
        with those of another window (`swap_gap` is the relative difference; zero means that tokens carry nothing), and
        by persistence; and the spread of features over samples (zero means collapse)."""
        self.model.eval()
        with mixed_precision(self.device, self.config.mixed_precision):
            levels = self._encode(self.validation, "teacher")
            pairs = [tuple(z[:, t] for z in levels) for t in range(VALIDATION_STEPS + 1)]
            motion = [self.model.inverse(a, b) for a, b in itertools.pairwise(pairs)]
            oracle, swapped = pairs[0], pairs[0]
            values = {"feature_spread": float(levels[0].float().std(dim=(0, 1)).mean())}
            for t, tokens in enumerate(motion, start=1):
                oracle = self.model.step(oracle, tokens)
                swapped = self.model.step(swapped, tokens.roll(1, dims=0))
                if t in (1, VALIDATION_STEPS):
                    error = [_error(z, pairs[t]) for z in (oracle, swapped, pairs[0])]
                    values |= {f"oracle_step{t}": error[0], f"swap_gap_step{t}": error[1] / error[0] - 1.0}
                    values[f"persistence_step{t}"] = error[2]
        self.model.train()
        return values


def _error(z: State, truth: State) -> float:
    return float((z[0] - truth[0]).float().square().mean())
