"""The DINO loss (Caron et al., 2021) that keeps a jointly trained encoder from collapsing."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lamo.midway.config import DinoConfig
from lamo.midway.encoder import Encoder
from lamo.midway.images import to_input
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

    `student` logits [B, prototypes] of all crops, of which the first ones are the `teacher`'s global crops; a crop is
    never matched with itself. Mean over the pairs of crops and the batch.
    """
    targets = [((logits - centre) / config.teacher_temperature).softmax(-1).detach() for logits in teacher]
    logs = [(logits / config.student_temperature).log_softmax(-1) for logits in student]
    pairs = [-(t * s).sum(-1).mean() for i, t in enumerate(targets) for j, s in enumerate(logs) if i != j]
    return torch.stack(pairs).mean()


class DinoTask:
    """Heads, centre and crops of the DINO loss of one training run; the encoders are the network's own."""

    def __init__(self, student: Encoder, teacher: Encoder, config: DinoConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.student, self.teacher = student, teacher
        self.student_head = DinoHead(student.config.width, config).to(device)
        self.teacher_head = copy.deepcopy(self.student_head).requires_grad_(False)
        self.centre = torch.zeros(1, config.prototypes, device=device)

    def loss(self, frames: np.ndarray) -> Tensor:
        """Loss over crops of one frame (the first) of each window of `frames` uint8 [B, T, H, W, 3]."""
        images = to_input(frames[:, 0], self.device)
        size, patch = images.shape[-2:], self.student.config.patch
        small = tuple(max(patch, side * 3 // 7 // patch * patch) for side in size)
        crops = [random_crops(images, self.config.global_scale, size) for _ in range(GLOBAL_CROPS)]
        local = [random_crops(images, self.config.local_scale, small) for _ in range(self.config.local_crops)]
        student = [self.student_head(self.student(crop)[-1][:, 0]) for crop in crops + local]
        with torch.no_grad():
            teacher = [self.teacher_head(self.teacher(crop)[-1][:, 0]) for crop in crops]
        loss = dino_loss(student, teacher, self.centre, self.config)
        self.centre.lerp_(torch.cat(teacher).float().mean(0, keepdim=True), 1.0 - self.config.centre_momentum)
        return loss

    def update_teacher(self, momentum: float) -> None:
        """Move the teacher's head towards the student's."""
        update_ema(self.teacher_head, self.student_head, momentum)


def random_crops(images: Tensor, scale: tuple[float, float], size: tuple[int, int]) -> Tensor:
    """One random box per image, its area a share drawn from `scale`, resized to `size`; half are mirrored."""
    count = len(images)
    side = torch.empty(count, device=images.device).uniform_(*scale).sqrt()
    mirror = torch.where(torch.rand(count, device=images.device) < 0.5, -1.0, 1.0)
    shift = (1.0 - side)[:, None] * (2.0 * torch.rand(count, 2, device=images.device) - 1.0)
    transform = torch.zeros(count, 2, 3, device=images.device)
    transform[:, 0, 0], transform[:, 1, 1], transform[:, :, 2] = side * mirror, side, shift
    grid = F.affine_grid(transform, [count, 3, *size], align_corners=False)
    return F.grid_sample(images, grid, align_corners=False, padding_mode="border")
