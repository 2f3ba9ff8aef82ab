"""Reproducible randomness."""

import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int, threads: int | None = None) -> None:
    """Seed Python, NumPy and torch, and ask torch for deterministic kernels; set the number of CPU `threads` if given.

    On the CPU of one machine, equal seeds and numbers of processes and threads give results that are equal to the bit.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - for libraries that draw from the legacy global generator
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    if threads:
        torch.set_num_threads(threads)


def generator(device: torch.device, *key: int) -> torch.Generator:
    """A torch generator whose numbers depend on `key` alone (for example run seed, predictor seed, window)."""
    state = np.random.SeedSequence(key).generate_state(1, dtype=np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))


def random_state(device: torch.device) -> dict[str, Any]:
    """The state of the global generators of Python, NumPy and torch (CPU, and the GPU `device`), as plain values."""
    version, words, gauss = random.getstate()
    legacy: Any = np.random.get_state()  # noqa: NPY002 - as in seed_everything
    name, keys, position, has_gauss, cached = legacy
    state = {
        "python": [version, list(words), gauss],
        "numpy": [name, keys.tolist(), int(position), int(has_gauss), float(cached)],
        "torch": torch.get_rng_state().tolist(),
    }
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device).tolist()
    return state


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Set the generators to what `random_state` returned; the GPU's stays as it is if the state has none."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(torch.tensor(state["cuda"], dtype=torch.uint8), device)
