"""A step of the training of the dynamics.

Shapes: B windows, T frames of a window, P patches, D width.
"""

import logging
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lamo.images import normalise, to_unit
from lamo.midway.learning.augmentation import Augmentation
from lamo.midway.learning.collapse import ENOUGH, SAMPLES, feature_spread, refuse_collapse
from lamo.midway.learning.config import MidwayTrainingConfig
from lamo.midway.learning.dino import FROZEN_SHARE, DinoTask
from lamo.midway.learning.objective import DynamicsObjective
from lamo.midway.learning.readout import PixelReadout
from lamo.midway.learning.sampling import FrameWindows
from lamo.midway.network import Midway, Role
from lamo.midway.state import State
from lamo.nn.share import share_size
from lamo.training.checkpoint import Stateful
from lamo.training.device import mixed_precision
from lamo.training.ema import update_ema
from lamo.training.fit import Task
from lamo.training.loop import Values
from lamo.training.optim import cosine, set_weight_decay
from lamo.training.seed import generator
from lamo.training.session import Session

logger = logging.getLogger(__name__)
AUGMENTATION = 0xA6  # stream of random numbers
# Momentum of the teacher at the start, as published; a cosine takes it to 1.
TEACHER_MOMENTUM = 0.996


class DynamicsTask(Task[FrameWindows]):
    """Everything of `model` that is not frozen, trained on windows of frames.

    `readout` reads the pixels that the compact form compares. In the published form the student encoder trains along,
    and the DINO loss is added.
    """

    # The total is minimised. "loss" in the log is the dynamics' alone, so that logs of both forms compare.
    minimised = "loss_total"

    def __init__(
        self, model: Midway, config: MidwayTrainingConfig, readout: PixelReadout | None, seed: int,
        session: Session | None = None,
    ) -> None:  # fmt: skip
        self.model = model
        self.settings = config
        self.session = session or Session()
        self.device = self.session.device
        self.frozen_encoder = not any(p.requires_grad for p in model.student.parameters())
        # A stream of its own, so that crops and light leave what the network draws as it is.
        self.draws = generator(torch.device("cpu"), seed, AUGMENTATION)
        self.augment = Augmentation(config.augmentation, self.draws)
        self.dino = None if model.form.pretrained else DinoTask(model.student, model.teacher, config.dino, self.device)
        # DINO's prototypes rest at first.
        self.every_step_trains_all = self.dino is None
        self.objective = DynamicsObjective(model, readout)
        self.momentum = TEACHER_MOMENTUM
        self.sharpen = False
        heads = {"dino_head": self.dino.student_head} if self.dino else {}
        super().__init__("midway: dynamics", config, {"model": model, **heads}, {"draws": self.draws})

    # --- one step, in the order of its parts ---

    def before_step(self, index: int, optimizer: Optimizer) -> Values:
        """Set the weight decay, the teacher's momentum, whether contrast counts, whether DINO's prototypes train."""
        config = self.settings
        decay = cosine(index, config.steps, config.weight_decay, config.final_weight_decay)
        set_weight_decay(optimizer, decay)
        self.momentum = cosine(index, config.steps, TEACHER_MOMENTUM, 1.0)
        sharpen = index >= self.model.form.contrast_from * config.steps
        if sharpen and not self.sharpen and self.model.form.contrast_weight:
            logger.info("contrast counts from step %d on: the loss rises by its share, which is no divergence", index)
        self.sharpen = sharpen
        if self.dino:
            self.dino.freeze_prototypes(index < FROZEN_SHARE * config.steps)
        return {"weight_decay": decay, "momentum": self.momentum, "unroll": config.unroll_at(index)}

    def loss(self, rows: FrameWindows) -> dict[str, Tensor]:
        """Losses of windows of frames uint8 [B, T, H, W, 3], and what else is logged of them."""
        images, crops = self.inputs(rows.frames)
        with mixed_precision(self.device, self.settings.mixed_precision):
            # --- states of all frames: the teacher's are targets, the student's are sources ---
            targets = self.encode(images, "teacher")
            spread = self._spread(targets)
            sources = targets if self.frozen_encoder else self.encode(images, "student")
            if self.settings.both_directions:
                sources = there_and_back(sources)
                targets = there_and_back(targets)
            # --- motion from pairs of states, predictions from motion, their distance from the targets ---
            dynamics = self.objective(sources, targets, sharpen=self.sharpen)
            # --- DINO, of weight 1 as published ---
            dino = self.dino.loss(crops) if self.dino else torch.zeros(())
        return {
            "loss_total": dynamics.total + dino,
            "loss": dynamics.total.detach(),
            **dynamics.terms,
            "dino": dino.detach(),
            **spread,
        }

    def after_step(self, index: int) -> None:
        """Update the moving averages: teacher, target laterals, target embedding."""
        model = self.model
        update_ema(model.target_laterals, model.source_laterals, self.momentum)
        if model.form.pairing == "tokens":
            update_ema(model.inverse_dynamics.target_embed, model.inverse_dynamics.source_embed, self.momentum)
        if not self.frozen_encoder:
            update_ema(model.teacher, model.student, self.momentum)
        if self.dino:
            self.dino.update_teacher(self.momentum)

    # --- its parts ---

    def inputs(self, frames: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images [B, T, 3, H, W] of the motion loss and crops of the DINO loss from windows uint8 [B, T, H, W, 3]."""
        unit = to_unit(frames, self.device)
        crops = self.dino.crops(unit, self.draws) if self.dino else []
        return normalise(self.augment(unit)), crops

    def encode(self, images: Tensor, role: Role) -> State:
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

    # --- what `fit` asks for ---

    def example_rows(self, batch: int, unroll: int = 1) -> FrameWindows:
        """Black frames of `batch` windows of `unroll` steps."""
        height, width = self.model.image
        return FrameWindows(torch.zeros(batch, unroll + 1, height, width, 3, dtype=torch.uint8))

    def batch(self, index: int) -> int:
        """Windows of step `index`."""
        return self.settings.windows_at(index)

    @property
    def samples_per_step(self) -> int:
        """Frames of a step."""
        return 2 * self.settings.batch

    def parameters(self) -> list[nn.Parameter]:
        """Matrices first, as the optimiser groups them: the order in which the norm has always been summed."""
        trained = super().parameters()
        return [p for p in trained if p.ndim > 1] + [p for p in trained if p.ndim <= 1]

    def state(self) -> Mapping[str, Stateful]:
        """The teacher's head and the centre of DINO."""
        return {"dino": self.dino} if self.dino else {}

    def check(self, index: int, values: Mapping[str, float]) -> None:
        """Stop where the encoder no longer tells frames apart."""
        refuse_collapse(index, values)


def there_and_back(z: State) -> State:
    """Windows [B, T, 1 + P, D] of each level, each followed by itself backwards in time: [2 B, T, 1 + P, D].

    Side by side, because `lamo.nn.share.draw` expects what belongs to a row of the batch in one place.
    """
    return tuple(torch.stack([level, level.flip(1)], dim=1).flatten(0, 1) for level in z)
