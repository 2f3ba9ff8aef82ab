"""The device that a stage computes on, and its mixed precision."""

import torch


def pick_device(local_rank: int = 0) -> torch.device:
    """The GPU of the process `local_rank` of this machine if GPUs are visible, else the CPU.

    A process that sees a single GPU takes that one; SLURM can bind each process to one.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", local_rank % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


def mixed_precision(device: torch.device, enabled: bool = True) -> torch.autocast:
    """Autocast to bfloat16, in which CPUs and GPUs with bfloat16 units multiply matrices several times faster.

    GPUs older than Ampere only emulate bfloat16, which is slow: there all stays in float32.
    """
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        enabled = False
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)
