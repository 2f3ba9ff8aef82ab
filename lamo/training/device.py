"""The device that a stage computes on, and its mixed precision."""

import torch


def pick_device() -> torch.device:
    """The GPU if one is visible, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision(device: torch.device, enabled: bool = True) -> torch.autocast:
    """Autocast to bfloat16: on CPUs with bfloat16 units matrix products are several times faster than in float32.

    On GPUs that only emulate bfloat16 (older than Ampere) it is slow, and all stays in float32.
    """
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        enabled = False
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
