"""Training of the Midway Network: encoder pre-training where asked for, then the dynamics."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lamo.images import normalise, to_unit
from lamo.midway.config import MidwayConfig
from lamo.midway.encoder import Encoder
from lamo.midway.learning.augmentation import Augmentation
from lamo.midway.learning.collapse import ENOUGH, SAMPLES, feature_spread, refuse_collapse
from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.learning.dino import DinoTask
from lamo.midway.learning.fitting import fit_stream_scale
from lamo.midway.learning.objective import DynamicsObjective
from lamo.midway.learning.pretraining import pretrain_encoder
from lamo.midway.learning.readout import PixelReadout, fit_readout
from lamo.midway.learning.sampling import FrameWindows, WindowSampler
from lamo.midway.learning.validation import Validation
from lamo.midway.network import Midway, Role
from lamo.midway.state import State
from lamo.nn.share import share_size
from lamo.stores.windows import ShardArray, Windows
from lamo.training.checkpoint import GeneratorState
from lamo.training.device import mixed_precision
from lamo.training.ema import update_ema
from lamo.training.learner import Learner, local_rows
from lamo.training.loader import Loader
from lamo.training.loop import Training, TrainingLog
from lamo.training.optim import adamw, cosine, set_learning_rate, set_weight_decay
from lamo.training.seed import generator
from lamo.training.session import Session

AUGMENTATION = 0xA6  # stream of random numbers


@dataclass(frozen=True)
class TrainedMidway:
    """The model and the logs of its two phases (`pretraining` is None without one)."""

    model: Midway
    pretraining: TrainingLog | None
    dynamics: TrainingLog


def train_midway(
    config: MidwayConfig, train: list[ShardArray], held_out: list[ShardArray], seed: int, session: Session,
    rate_hz: float | None = None, encoder: Encoder | None = None,
) -> TrainedMidway:  # fmt: skip
    """Train on frames uint8 [N, H, W, 3] of the `train` shards; `held_out` clips only measure.

    `encoder` is one that is pre-trained already, in place of `training.pretraining`. `rate_hz` of the frames is needed
    for gaps in seconds. Raises `LamoError` if no clip is long enough, when a logged value is not finite or when the
    encoder collapses; it says then where the last checkpoint of `session` lies.
    """
    height, width = train[0].array.shape[1:3]
    model = Midway(config, (height, width)).to(session.device)
    training = config.training
    pretraining = None
    if training.pretraining.steps:
        if encoder is None:
            pretraining = pretrain_encoder(
                model.student, Windows(train, 1), training.pretraining, seed, session.phase("pretraining")
            )  # fmt: skip
        else:
            model.student.load_state_dict(encoder.state_dict())
        model.teacher.load_state_dict(model.student.state_dict())
        model.student.requires_grad_(False)
    recomputed = config.recurrence.top == "recomputed"
    if recomputed:
        fit_stream_scale(model, train, seed, session.device)
    dynamics = DynamicsTraining(model, training, train, held_out, seed, session.phase("dynamics"), rate_hz).run()
    if recomputed and not training.pretraining.steps:
        fit_stream_scale(model, train, seed, session.device)
    return TrainedMidway(model.eval(), pretraining, dynamics)


class DynamicsTraining:
    """Trains everything that is not frozen on windows of frames."""

    def __init__(
        self, model: Midway, config: MidwayTrainingConfig, train: list[ShardArray], held_out: list[ShardArray],
        seed: int, session: Session, rate_hz: float | None = None,
    ) -> None:  # fmt: skip
        self.model, self.config, self.session, self.device = model, config, session, session.device
        self.frozen_encoder = not any(p.requires_grad for p in model.student.parameters())
        self.sampler = WindowSampler(train, config, rate_hz, seed)
        self.batches = map(self.sampler.read, self.sampler.draws())  # in `run` the same, read ahead
        # Draws of its own, so that crops and light leave what the network draws as it is.
        self.draws = generator(torch.device("cpu"), seed, AUGMENTATION)
        self.augment = Augmentation(config.augmentation, self.draws)
        self.dino = DinoTask(model.student, model.teacher, config.dino, self.device) if config.dino.weight else None
        modules = [model, *([self.dino.student_head] if self.dino else [])]
        self.optimizer = adamw(modules, config.learning_rate, config.weight_decay)
        self.learner: Learner[FrameWindows] = Learner(
            self._losses, modules, self.optimizer, config.clip, session, [self.draws], every_step_trains_all=False
        )
        self.learner.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.objective = DynamicsObjective(model, self._readout(train, seed))
        self.validate = Validation(
            model, train, held_out, seed, self.device, config.mixed_precision, self.frozen_encoder
        )
        self.sharpen = False

    def run(self) -> TrainingLog:
        """Train for the configured number of steps, from the last checkpoint on."""
        config, session = self.config, self.session
        state = {"model": self.model, "optimizer": self.optimizer, "draws": GeneratorState(self.draws)}
        training = Training(
            "midway: dynamics", config.steps, session, state | ({"dino": self.dino} if self.dino else {})
        )
        self.model.train()
        draws = self.sampler.draws(training.first, lambda size: local_rows(session, size))
        with Loader(self.sampler.read, draws, session.workers) as batches:
            self.batches = batches
            return training.run(
                self._step, 2 * config.batch, self.validate, config.validate_every, waited=lambda: batches.waited_s,
                check=lambda step, values: refuse_collapse(step, values, config.collapse_spread),
            )  # fmt: skip

    def _step(self, index: int) -> dict[str, Tensor | float]:
        config = self.config
        schedule = self._schedule(index)
        self.sharpen = index >= config.contrast_from * config.steps
        windows: FrameWindows = next(self.batches)
        values = self.learner.learn(windows, self.sampler.size(index))
        self._update_teacher(index)
        # Minimised is the total; the log's "loss" has always been the dynamics' alone.
        values["loss_total"], values["loss"] = values["loss"], values.pop("loss_dynamics")
        return {**values, **schedule, "unroll": windows.frames.shape[1] - 1}

    def _losses(self, windows: FrameWindows) -> dict[str, Tensor]:
        """Losses of windows of frames uint8 [B, T, H, W, 3] and what else is logged of them."""
        config = self.config
        images, crops = self._inputs(windows.frames)
        with mixed_precision(self.device, config.mixed_precision):
            targets = self._encode(images, "teacher")
            spread = self._spread(targets)
            sources = targets if self.frozen_encoder else self._encode(images, "student")
            if config.both_directions:
                sources, targets = _there_and_back(sources), _there_and_back(targets)
            dynamics = self.objective(sources, targets, sharpen=self.sharpen)
            dino = self.dino.loss(crops) if self.dino else torch.zeros(())
        total = dynamics.total + config.dino.weight * dino
        return {
            "loss": total,
            "loss_dynamics": dynamics.total.detach(),
            **dynamics.terms,
            "dino": dino.detach(),
            **spread,
        }

    def _schedule(self, index: int) -> dict[str, float]:
        """Sets what changes with the step: learning rate, weight decay, whether the prototypes train."""
        config = self.config
        warmup = int(config.warmup * config.steps)
        rate = cosine(index, config.steps, config.learning_rate, config.final_learning_rate, warmup)
        decay = cosine(index, config.steps, config.weight_decay, config.final_weight_decay)
        set_learning_rate(self.optimizer, rate)
        set_weight_decay(self.optimizer, decay)
        if self.dino:
            self.dino.freeze_prototypes(index < config.dino.frozen_prototypes * config.steps)
        return {"learning_rate": rate, "weight_decay": decay, "momentum": self._momentum(index)}

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
        rows, total = len(targets[0]), share_size()[1]
        # Every process must log the same names, so the smallest share decides.
        least = total // (self.session.processes.count * self.session.parts) if total else rows
        if min(rows, least) < ENOUGH:
            return {}
        return {"feature_spread": feature_spread(tuple(self.model.standardise(z[:SAMPLES, 0]) for z in targets))}

    def _readout(self, train: list[ShardArray], seed: int) -> PixelReadout | None:
        """The readout of the pixel losses, fitted once: the encoder must not change under it."""
        if not (self.config.pixel_weight or self.config.contrast_weight):
            return None
        return fit_readout(self.model, Windows(train, 1), seed, self.device)

    def _momentum(self, index: int) -> float:
        return cosine(index, self.config.steps, self.config.teacher_momentum, 1.0)

    def _update_teacher(self, index: int) -> None:
        momentum, model = self._momentum(index), self.model
        update_ema(model.target_laterals, model.source_laterals, momentum)
        if model.config.inverse.pairing == "tokens":
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
