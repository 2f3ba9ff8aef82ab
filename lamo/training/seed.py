"""Reproducible randomness."""

import random

import numpy as np
import torch


def seed_everything(seed: int, threads: int | None = None) -> None:
    """Seed Python, NumPy and torch and ask torch for deterministic kernels; set the CPU `threads` if given.

    On the CPU equal seed and thread count give bitwise equal results on one machine.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries that draw from the legacy global generator
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    if threads:
        torch.set_num_threads(threads)


def generator(device: torch.device, *key: int) -> torch.Generator:
    """A torch generator whose stream depends on all of `key` only (for example run seed, predictor seed, window)."""
    state = np.random.SeedSequence(key).generate_state(1, dtype=np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))
