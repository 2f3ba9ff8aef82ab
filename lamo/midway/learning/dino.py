"""The DINO loss (Caron et al., 2021) that keeps a jointly trained encoder from collapsing."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from lamo.images import normalise
from lamo.midway.encoder import Encoder
from lamo.midway.learning.augmentation import WHOLE, crop, photometric, random_boxes
from lamo.midway.learning.config import DinoConfig
from lamo.nn.share import batch_mean
from lamo.training.ema import update_ema

GLOBAL_CROPS = 2


class DinoHead(nn.Module):
    """Three-layer projection to a bottleneck, L2 normalisation, weight-normalised prototypes.

    The prototypes' lengths are learned, as published, or 1 (`unit_prototypes`).
    """

    def __init__(self, width: int, config: DinoConfig) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.hidden), nn.GELU(),
            nn.Linear(config.hidden, config.bottleneck),
        )  # fmt: skip
        self.prototypes = nn.Linear(config.bottleneck, config.prototypes, bias=False)
        lengths = torch.ones(config.prototypes, 1)
        if config.unit_prototypes:
            self.register_buffer("lengths", lengths)
        else:
            self.lengths = nn.Parameter(lengths)

    def forward(self, features: Tensor) -> Tensor:
        """[B, D] -> logits [B, prototypes]."""
        prototypes = self.lengths * F.normalize(self.prototypes.weight, dim=-1)
        return F.linear(F.normalize(self.mlp(features), dim=-1), prototypes)


def dino_loss(student: list[Tensor], teacher: list[Tensor], centre: Tensor, config: DinoConfig) -> Tensor:
    """Cross-entropy of the student's logits under the teacher's centred, sharpened distribution.

    `student` logits [B, F, prototypes] of all crops of F frames, of which the first ones are the `teacher`'s global
    crops. A crop is never matched with itself, nor with the same crop of the other frame. Mean over the pairs of
    different crops, over the F x F pairs of frames and over the batch; as the cross-entropy is linear in the target and
    in the log-probabilities, the mean over frames can be taken of each before.
    """
    targets = [((one.float() - centre) / config.teacher_temperature).softmax(-1).mean(1).detach() for one in teacher]
    logs = [(one.float() / config.student_temperature).log_softmax(-1).mean(1) for one in student]
    pairs = [-(t * s).sum(-1).mean() for i, t in enumerate(targets) for j, s in enumerate(logs) if i != j]
    return torch.stack(pairs).mean()


class DinoTask:
    """Heads, centre and crops of the DINO loss of one training run; the encoders are the network's own."""

    def __init__(self, student: Encoder, teacher: Encoder, config: DinoConfig, device: torch.device) -> None:
        self.config = config
        self.student, self.teacher = student, teacher
        self.student_head = DinoHead(student.config.width, config).to(device)
        self.teacher_head = copy.deepcopy(self.student_head).requires_grad_(False)
        self.centre = torch.zeros(1, config.prototypes, device=device)

    def crops(self, frames: Tensor, generator: Generator) -> list[Tensor]:
        """Network inputs [B, F, 3, h, w], global crops first, of the first F = 1 or 2 frames of each of the windows
        `frames` [B, T, 3, H, W] in 0..1. The boxes, and all else that is drawn, are the same in both frames."""
        config, patch = self.config, self.student.config.patch
        frames = frames[:, : 2 if config.both_frames else 1]
        count, size = len(frames), tuple(frames.shape[-2:])
        # Local crops have 3 / 7 of the frame's side in whole patches: 96 of 224 as published.
        small = tuple(max(patch, side * 3 // 7 // patch * patch) for side in size)
        kinds = [(config.global_scale, size)] * GLOBAL_CROPS + [(config.local_scale, small)] * config.local_crops
        outer = random_boxes(count, config.initial_scale or WHOLE, config.stretch, 0.0, generator)
        crops = []
        for scale, shape in kinds:
            boxes = random_boxes(count, scale, config.stretch, config.mirror, generator).inside(outer)
            crops.append(normalise(photometric(crop(frames, boxes, shape), config.photometric, generator)))
        return crops

    def loss(self, crops: list[Tensor]) -> Tensor:
        """Loss over `crops` [B, F, 3, h, w] as `crops()` makes them; moves the centre."""
        whole, local = crops[:GLOBAL_CROPS], crops[GLOBAL_CROPS:]
        student = _logits(self.student, self.student_head, whole) + _logits(self.student, self.student_head, local)
        with torch.no_grad():
            teacher = _logits(self.teacher, self.teacher_head, whole)
        loss = dino_loss(student, teacher, self.centre, self.config)
        mean = batch_mean(torch.stack(teacher).float().mean(dim=(0, 1, 2)))
        self.centre.lerp_(mean[None], 1.0 - self.config.centre_momentum)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Both heads and the centre."""
        heads = {"student_head": self.student_head.state_dict(), "teacher_head": self.teacher_head.state_dict()}
        return {**heads, "centre": self.centre}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` returned."""
        self.student_head.load_state_dict(state["student_head"])
        self.teacher_head.load_state_dict(state["teacher_head"])
        self.centre.copy_(state["centre"])

    def freeze_prototypes(self, frozen: bool) -> None:
        """Hold the last layer of the student's head, or let it train."""
        self.student_head.prototypes.requires_grad_(not frozen)
        if not self.config.unit_prototypes:
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
