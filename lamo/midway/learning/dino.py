"""The DINO loss (Caron et al., 2021) that keeps a jointly trained encoder from collapsing."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from lamo.images import normalise
from lamo.midway.encoder import Encoder
from lamo.midway.learning.augmentation import PUBLISHED_LIGHT, WHOLE, Boxes, crop, photometric, random_boxes
from lamo.midway.learning.config import DinoConfig, Range
from lamo.nn.flops import build
from lamo.nn.share import batch_mean
from lamo.training.ema import update_ema

# All as published (Caron et al., 2021; the published training of the Midway Network).
FRAMES = 2
GLOBAL_CROPS = 2
LOCAL_CROPS = 8
GLOBAL_SCALE = (0.4, 1.0)
LOCAL_SCALE = (0.05, 0.4)
MIRROR = 0.5
STUDENT_TEMPERATURE = 0.1
TEACHER_TEMPERATURE = 0.04
CENTRE_MOMENTUM = 0.9
# Share of the steps, from the start, in which the head's last layer stays as it is: the first of 300 epochs.
FROZEN_SHARE = 1 / 300


class DinoHead(nn.Module):
    """Three-layer projection to a bottleneck, L2 normalisation, prototypes whose directions and lengths are learned."""

    def __init__(self, width: int, config: DinoConfig) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.hidden), nn.GELU(),
            nn.Linear(config.hidden, config.bottleneck),
        )  # fmt: skip
        self.prototypes = nn.Linear(config.bottleneck, config.prototypes, bias=False)
        self.lengths = nn.Parameter(torch.ones(config.prototypes, 1))

    def forward(self, features: Tensor) -> Tensor:
        """[B, D] -> logits [B, prototypes]."""
        prototypes = self.lengths * F.normalize(self.prototypes.weight, dim=-1)
        return F.linear(F.normalize(self.mlp(features), dim=-1), prototypes)


class _Heads(nn.Module):
    """The student's head and its copy for the teacher, made together: both can then be built without memory."""

    def __init__(self, student: DinoHead) -> None:
        super().__init__()
        self.student = student
        self.teacher = copy.deepcopy(student).requires_grad_(False)


def dino_loss(student: list[Tensor], teacher: list[Tensor], centre: Tensor) -> Tensor:
    """Cross-entropy of the student's logits under the teacher's centred, sharpened distribution.

    `student` holds logits [B, F, prototypes] of all crops of F frames; the first of these crops are the global ones, of
    which `teacher` holds its logits. The loss is the mean over the pairs of different crops, over the F x F pairs of
    frames and over the batch. A crop is never matched with itself, nor with the same crop of the other frame.
    """
    # The cross-entropy is linear in the target and in the log-probabilities, so each is averaged over frames first.
    targets = [((one.float() - centre) / TEACHER_TEMPERATURE).softmax(-1).mean(1).detach() for one in teacher]
    logs = [(one.float() / STUDENT_TEMPERATURE).log_softmax(-1).mean(1) for one in student]
    pairs = [-(t * s).sum(-1).mean() for i, t in enumerate(targets) for j, s in enumerate(logs) if i != j]
    return torch.stack(pairs).mean()


class DinoTask:
    """Heads, centre and crops of the DINO loss of one training run; the encoders are the network's own."""

    def __init__(self, student: Encoder, teacher: Encoder, config: DinoConfig, device: torch.device) -> None:
        self.config = config
        self.student = student
        self.teacher = teacher
        heads = build(lambda: _Heads(DinoHead(student.config.width, config)), device)
        self.student_head = heads.student
        self.teacher_head = heads.teacher
        self.centre = torch.zeros(1, config.prototypes, device=device)

    def crops(self, frames: Tensor, generator: Generator) -> list[Tensor]:
        """Network inputs [B, 2, 3, h, w], global crops first, of the first two frames of each of the windows `frames`
        [B, T, 3, H, W] in 0..1. The boxes, and all else that is drawn, are the same in both frames."""
        frames = frames[:, :FRAMES]
        height, width = frames.shape[-2:]
        small = (self._local_side(height), self._local_side(width))
        outer = random_boxes(len(frames), self.config.initial_scale or WHOLE, 0.0, generator)
        kinds = [(GLOBAL_SCALE, (height, width))] * GLOBAL_CROPS + [(LOCAL_SCALE, small)] * LOCAL_CROPS
        return [self._crop(frames, outer, scale, size, generator) for scale, size in kinds]

    def _local_side(self, side: int) -> int:
        """3 / 7 of the frame's side in whole patches: 96 of 224 as published."""
        patch = self.student.config.patch
        return max(patch, side * 3 // 7 // patch * patch)

    @staticmethod
    def _crop(frames: Tensor, outer: Boxes, scale: Range, size: tuple[int, int], generator: Generator) -> Tensor:
        boxes = random_boxes(len(frames), scale, MIRROR, generator).inside(outer)
        return normalise(photometric(crop(frames, boxes, size), PUBLISHED_LIGHT, generator))

    def loss(self, crops: list[Tensor]) -> Tensor:
        """Loss over crops [B, 2, 3, h, w] as `crops` makes them; moves the centre."""
        whole = crops[:GLOBAL_CROPS]
        local = crops[GLOBAL_CROPS:]
        student = _logits(self.student, self.student_head, whole) + _logits(self.student, self.student_head, local)
        with torch.no_grad():
            teacher = _logits(self.teacher, self.teacher_head, whole)
        loss = dino_loss(student, teacher, self.centre)
        mean = batch_mean(torch.stack(teacher).float().mean(dim=(0, 1, 2)))
        self.centre.lerp_(mean[None], 1.0 - CENTRE_MOMENTUM)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The teacher's head and the centre; the student's head is a trained module of its own."""
        return {"teacher_head": self.teacher_head.state_dict(), "centre": self.centre}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` returned."""
        self.teacher_head.load_state_dict(state["teacher_head"])
        self.centre.copy_(state["centre"])

    def freeze_prototypes(self, frozen: bool) -> None:
        """Hold the last layer of the student's head, or let it train."""
        self.student_head.prototypes.requires_grad_(not frozen)
        self.student_head.lengths.requires_grad_(not frozen)

    def update_teacher(self, momentum: float) -> None:
        """Move the teacher's head towards the student's."""
        update_ema(self.teacher_head, self.student_head, momentum)


def _logits(encoder: Encoder, head: DinoHead, crops: list[Tensor]) -> list[Tensor]:
    """Logits [B, F, prototypes] of each of `crops` [B, F, 3, h, w], all of one size, computed as one batch."""
    if not crops:
        return []
    # Window by window, so that what is drawn for a window does not depend on which others are in the batch.
    images = torch.stack(crops, dim=1)
    logits = head(encoder(images.flatten(0, 2))[-1][:, 0])
    return list(logits.unflatten(0, images.shape[:3]).unbind(1))
