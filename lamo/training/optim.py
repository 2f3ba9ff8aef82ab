"""Optimiser and schedules."""

import math
from collections.abc import Iterable

import torch
from torch import nn


def adamw(modules: Iterable[nn.Module], learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; vectors (biases, norms) are not decayed."""
    parameters = [p for module in modules for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay, "decayed": True},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "decayed": False},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.95), fused=True)


def cosine(step: int, steps: int, start: float, end: float, warmup: int = 0) -> float:
    """Linear warm-up from 0 to `start` over `warmup` steps, then half a cosine from `start` to `end` at `steps`."""
    if step < warmup:
        return start * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return end + 0.5 * (start - end) * (1.0 + math.cos(math.pi * min(1.0, progress)))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set the learning rate of all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = value


def set_weight_decay(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set the weight decay of those parameters that `adamw` decays."""
    for group in optimizer.param_groups:
        if group["decayed"]:
            group["weight_decay"] = value
