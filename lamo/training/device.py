"""The device that a stage computes on, and its mixed precision."""

import torch


def pick_device(local_rank: int = 0) -> torch.device:
    """The GPU of the process `local_rank` of this machine if GPUs are visible, else the CPU.

    A process that sees one GPU alone, as under SLURM's binding, takes that.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", local_rank % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def mixed_precision(device: torch.device, enabled: bool = True) -> torch.autocast:
    """Autocast to bfloat16: on CPUs with bfloat16 units matrix products are several times faster than in float32.

    On GPUs that only emulate bfloat16 (older than Ampere) it is slow, and all stays in float32.
    """
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        enabled = False
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
