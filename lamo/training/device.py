"""The device that a stage computes on, and its mixed precision."""

import torch

from lamo.errors import LamoError

BFLOAT16_UNITS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Of x86 and ARM CPUs, as `torch.cpu.get_capabilities` names them."""


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
    """Autocast to bfloat16 where `has_bfloat16`; elsewhere all stays in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled and has_bfloat16(device))


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies matrices faster in bfloat16 than in float32.

    CPUs and GPUs that have no units for it (GPUs before Ampere, CPUs with AVX2 alone) compute the same numbers, but
    slowly: on a CPU up to eighty times slower.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return any(torch.cpu.get_capabilities().get(name, False) for name in BFLOAT16_UNITS)


def named_device(name: str | torch.device) -> torch.device:
    """The device of that name. Raises `LamoError` if this machine does not have it."""
    try:
        # Names that are not known and devices that are not there both fail at the first tensor.
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise LamoError(f"device: found {name} ({reason}), expected cpu, or cuda where there is a GPU") from None
