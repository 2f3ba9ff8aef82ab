"""Exponential moving averages of weights."""

import torch
from torch import nn


@torch.no_grad()
def update_ema(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average <- decay * average + (1 - decay) * model, over parameters; buffers are copied."""
    for weight, new_weight in zip(average.parameters(), model.parameters(), strict=True):
        weight.lerp_(new_weight, 1.0 - decay)
    for buffer, new_buffer in zip(average.buffers(), model.buffers(), strict=True):
        buffer.copy_(new_buffer)
