"""Training of the Midway Network: the encoder first, where its form pre-trains it, then the dynamics."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lamo.images import normalise, to_unit
from lamo.midway.config import MidwayConfig
from lamo.midway.learning.augmentation import Augmentation
from lamo.midway.learning.collapse import ENOUGH, SAMPLES, feature_spread, refuse_collapse
from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.learning.dino import FROZEN_SHARE, DinoTask
from lamo.midway.learning.objective import DynamicsObjective
from lamo.midway.learning.pretraining import pretrain_encoder
from lamo.midway.learning.readout import PixelReadout, fit_readout
from lamo.midway.learning.sampling import FrameWindows, WindowSampler
from lamo.midway.learning.validation import Validation
from lamo.midway.network import Midway, Role
from lamo.midway.state import State
from lamo.nn.share import share_size
from lamo.stores.windows import ShardArray, Windows
from lamo.training.checkpoint import GeneratorState, Stateful
from lamo.training.device import mixed_precision
from lamo.training.ema import update_ema
from lamo.training.learner import Learner, local_rows
from lamo.training.loader import Loader
from lamo.training.loop import Training, TrainingLog
from lamo.training.optim import adamw, cosine, set_learning_rate, set_weight_decay
from lamo.training.seed import generator
from lamo.training.session import Session

AUGMENTATION = 0xA6  # stream of random numbers
# Momentum of the teacher at the start, as published; a cosine takes it to 1.
TEACHER_MOMENTUM = 0.996


@dataclass(frozen=True)
class TrainedMidway:
    """The network and the logs of its two phases (`pretraining` is None without one)."""

    model: Midway
    pretraining: TrainingLog | None
    dynamics: TrainingLog


def train_midway(
    config: MidwayConfig, train: list[ShardArray], held_out: list[ShardArray], seed: int, session: Session,
    rate_hz: float | None = None,
) -> TrainedMidway:  # fmt: skip
    """Train on frames uint8 [N, H, W, 3] of the `train` shards; `held_out` clips only measure.

    `rate_hz` of the frames is needed for gaps in seconds. Raises `LamoError` if no clip is long enough, when a logged
    value is not finite or when the encoder collapses; it says then where the last checkpoint of `session` lies.
    """
    height, width = train[0].array.shape[1:3]
    training = config.training
    model = Midway(config, (height, width), training.motion_noise).to(session.device)
    model.training_record = training.model_dump(mode="json")
    pretraining = None
    if model.form.pretrained:
        pretraining = pretrain_encoder(
            model.student, Windows(train, 1), training.pretraining, seed, session.phase("pretraining")
        )
        model.teacher.load_state_dict(model.student.state_dict())
        model.student.requires_grad_(False)
    dynamics = DynamicsTraining(model, training, train, held_out, seed, session.phase("dynamics"), rate_hz).run()
    return TrainedMidway(model.eval(), pretraining, dynamics)


class DynamicsTraining:
    """Trains everything that is not frozen on windows of frames."""

    def __init__(
        self, model: Midway, config: MidwayTrainingConfig, train: list[ShardArray], held_out: list[ShardArray],
        seed: int, session: Session, rate_hz: float | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.config = config
        self.session = session
        self.device = session.device
        self.frozen_encoder = not any(p.requires_grad for p in model.student.parameters())
        self.sampler = WindowSampler(train, config, rate_hz, seed)
        # In `run` these are the same, read ahead.
        self.batches: Iterator[FrameWindows] = map(self.sampler.read, self.sampler.draws())
        # A stream of its own, so that crops and light leave what the network draws as it is.
        self.draws = generator(torch.device("cpu"), seed, AUGMENTATION)
        self.augment = Augmentation(config.augmentation, self.draws)
        self.dino = None if model.form.pretrained else DinoTask(model.student, model.teacher, config.dino, self.device)
        modules = [model, *([self.dino.student_head] if self.dino else [])]
        self.optimizer = adamw(modules, config.learning_rate, config.weight_decay)
        self.learner: Learner[FrameWindows] = Learner(
            self._losses, modules, self.optimizer, config.clip_gradient, session, [self.draws],
            every_step_trains_all=False,
        )  # fmt: skip
        self.learner.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.objective = DynamicsObjective(model, self._readout(train, seed))
        self.validate = Validation(
            model, train, held_out, seed, self.device, config.mixed_precision, self.frozen_encoder
        )
        self.sharpen = False

    def run(self) -> TrainingLog:
        """Train for the configured number of steps, from the last checkpoint on."""
        config = self.config
        session = self.session
        state: dict[str, Stateful] = {
            "model": self.model,
            "optimizer": self.optimizer,
            "draws": GeneratorState(self.draws),
        }
        if self.dino:
            state["dino"] = self.dino
        training = Training("midway: dynamics", config.steps, session, state)
        self.model.train()
        draws = self.sampler.draws(training.first, lambda size: local_rows(session, size))
        with Loader(self.sampler.read, draws, session.workers) as batches:
            self.batches = batches
            return training.run(
                self._step, 2 * config.batch, self.validate, config.validate_every, waited=lambda: batches.waited_s,
                check=refuse_collapse,
            )  # fmt: skip

    def _step(self, index: int) -> dict[str, Tensor | float]:
        # --- what changes with the step ---
        schedule = self._schedule(index)
        self.sharpen = index >= self.model.form.contrast_from * self.config.steps
        # --- a gradient step on `_losses` of the next windows ---
        windows = next(self.batches)
        values = self.learner.learn(windows, self.sampler.size(index))
        # --- the teacher follows the student ---
        self._update_teacher(schedule["momentum"])
        # The total is minimised; "loss" in the log is the dynamics' alone, so that logs of both forms compare.
        values["loss_total"] = values["loss"]
        values["loss"] = values.pop("loss_dynamics")
        return {**values, **schedule, "unroll": windows.frames.shape[1] - 1}

    def _losses(self, windows: FrameWindows) -> dict[str, Tensor]:
        """Losses of windows of frames uint8 [B, T, H, W, 3], and what else is logged of them."""
        images, crops = self._inputs(windows.frames)
        with mixed_precision(self.device, self.config.mixed_precision):
            # --- states of all frames: the teacher's are targets, the student's are sources ---
            targets = self._encode(images, "teacher")
            spread = self._spread(targets)
            sources = targets if self.frozen_encoder else self._encode(images, "student")
            if self.config.both_directions:
                sources = _there_and_back(sources)
                targets = _there_and_back(targets)
            # --- motion from pairs of states, predictions from motion, their distance from the targets ---
            dynamics = self.objective(sources, targets, sharpen=self.sharpen)
            # --- DINO, of weight 1 as published ---
            dino = self.dino.loss(crops) if self.dino else torch.zeros(())
        return {
            "loss": dynamics.total + dino,
            "loss_dynamics": dynamics.total.detach(),
            **dynamics.terms,
            "dino": dino.detach(),
            **spread,
        }

    def _schedule(self, index: int) -> dict[str, float]:
        """Set what changes with the step: learning rate, weight decay, whether DINO's prototypes train."""
        config = self.config
        rate = cosine(index, config.steps, config.learning_rate, config.final_learning_rate, config.warmup_steps)
        decay = cosine(index, config.steps, config.weight_decay, config.final_weight_decay)
        set_learning_rate(self.optimizer, rate)
        set_weight_decay(self.optimizer, decay)
        if self.dino:
            self.dino.freeze_prototypes(index < FROZEN_SHARE * config.steps)
        momentum = cosine(index, config.steps, TEACHER_MOMENTUM, 1.0)
        return {"learning_rate": rate, "weight_decay": decay, "momentum": momentum}

    def _inputs(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images [B, T, 3, H, W] of the motion loss and crops of the DINO loss from windows uint8 [B, T, H, W, 3]."""
        unit = to_unit(frames, self.device)
        crops = self.dino.crops(unit, self.draws) if self.dino else []
        return normalise(self.augment(unit)), crops

    def _encode(self, images: Tensor, role: Role) -> State:
        """Levels [B, T, 1 + P, D] of all frames; without gradient for the teacher and a frozen student."""
        with torch.set_grad_enabled(role == "student" and not self.frozen_encoder):
            levels = self.model.encode(images.flatten(0, 1), role)
        return tuple(level.unflatten(0, images.shape[:2]) for level in levels)

    def _spread(self, targets: State) -> dict[str, Tensor]:
        """How far apart the teacher's features of first frames [B, T, 1 + P, D] are, where there are enough of them."""
        rows = len(targets[0])
        total = share_size()[1]
        # Every process must log the same names, so the smallest share decides.
        least = total // (self.session.processes.count * self.session.parts) if total else rows
        if min(rows, least) < ENOUGH:
            return {}
        return {"feature_spread": feature_spread(tuple(self.model.standardise(z[:SAMPLES, 0]) for z in targets))}

    def _readout(self, train: list[ShardArray], seed: int) -> PixelReadout | None:
        """The readout of the pixel losses, fitted once: the encoder must not change under it."""
        if not self.model.form.pixel_weight:
            return None
        return fit_readout(self.model, Windows(train, 1), seed, self.device)

    def _update_teacher(self, momentum: float) -> None:
        """Move all that no gradient trains towards what it is an average of."""
        model = self.model
        update_ema(model.target_laterals, model.source_laterals, momentum)
        if model.form.pairing == "tokens":
            update_ema(model.inverse_dynamics.target_embed, model.inverse_dynamics.source_embed, momentum)
        if not self.frozen_encoder:
            update_ema(model.teacher, model.student, momentum)
        if self.dino:
            self.dino.update_teacher(momentum)


def _there_and_back(z: State) -> State:
    """Windows [B, T, 1 + P, D] of each level, each followed by itself backwards in time: [2 B, T, 1 + P, D].

    Side by side, because `lamo.nn.share.draw` expects what belongs to a row of the batch in one place.
    """
    return tuple(torch.stack([level, level.flip(1)], dim=1).flatten(0, 1) for level in z)
