"""Normalisation of motion tokens and latent states by stored statistics.

Shapes: L motion levels, M motion tokens per level, D_m motion width, P patches, D_z state width.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.stores.latents import LatentsStore

# Below this standard deviation a channel is constant; it is centred and not scaled.
CONSTANT = 1e-6


@dataclass(frozen=True)
class Statistics:
    """Means and standard deviations over all training transitions and frames.

    Attributes:
        motion_mean, motion_std: [L, M, D_m].
        state_mean, state_std: [D_z], over frames and patches.
    """

    motion_mean: Tensor
    motion_std: Tensor
    state_mean: Tensor
    state_std: Tensor

    def normalise_motion(self, motion: Tensor) -> Tensor:
        """[..., L, M, D_m] -> zero mean, unit variance per value of a token."""
        return (motion - self.motion_mean) / self.motion_std

    def restore_motion(self, motion: Tensor) -> Tensor:
        """Inverse of `normalise_motion`, with the same numbers."""
        return motion * self.motion_std + self.motion_mean

    def normalise_state(self, state: Tensor) -> Tensor:
        """[..., P, D_z] -> zero mean, unit variance per channel."""
        return (state - self.state_mean) / self.state_std

    def restore_state(self, state: Tensor) -> Tensor:
        """Inverse of `normalise_state`, with the same numbers."""
        return state * self.state_std + self.state_mean

    def to(self, device: torch.device | str) -> "Statistics":
        """The same on another device."""
        return Statistics(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})

    def digest(self) -> str:
        """Hash of all numbers: 16 hexadecimal digits."""
        found = hashlib.sha256()
        for field in fields(self):
            found.update(getattr(self, field.name).cpu().contiguous().numpy().tobytes())
        return found.hexdigest()[:16]

    def save(self, path: str | Path) -> None:
        """Writes safetensors, atomically."""
        with replacing(path) as temporary:
            save_file({field.name: getattr(self, field.name).contiguous().cpu() for field in fields(self)}, temporary)

    @classmethod
    def load(cls, path: str | Path) -> "Statistics":
        """Reads what `save` wrote.

        Raises:
            LamoError: the file is missing, damaged or holds other tensors or values that nothing can be divided by.
        """
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            raise LamoError(f"{path}: cannot be read ({error}); run stage 03 (latents) again") from None
        expected = {field.name for field in fields(cls)}
        if tensors.keys() != expected:
            raise LamoError(
                f"{path}: found {sorted(tensors)}, expected {sorted(expected)}; run stage 03 (latents) again"
            )
        statistics = cls(**tensors)
        if not all(tensor.isfinite().all() for tensor in tensors.values()) or not all(
            (std > 0).all() for std in (statistics.motion_std, statistics.state_std)
        ):
            raise LamoError(
                f"{path}: found means or deviations that are not finite, or deviations that are not above 0; "
                "run stage 03 (latents) again"
            )
        return statistics


def carried_statistics(path: str | Path, stores: Sequence[LatentsStore]) -> Statistics:
    """The statistics of another run, to normalise the tokens of `stores` with.

    Raises:
        LamoError: the file is missing or damaged, or of tokens of other sizes.
    """
    statistics = Statistics.load(path)
    found = tuple(statistics.motion_mean.shape), tuple(statistics.state_mean.shape)
    expected = tuple(stores[0].motion.shape[1:]), tuple(stores[0].state.shape[-1:])
    if found != expected:
        raise LamoError(
            f"latents.statistics {path}: found those of motion tokens {found[0]} and states of width {found[1]}, "
            f"expected {expected[0]} and {expected[1]}; set midway and latents.levels as in its run, or leave it out"
        )
    return statistics


class Moments:
    """Running mean and variance over the leading axis in float64, merged batch by batch (Chan's update)."""

    def __init__(self) -> None:
        self.count, self._mean, self._squares = 0, 0.0, 0.0

    def add(self, rows: np.ndarray) -> None:
        """Takes rows [n, ...]."""
        if len(rows) == 0:
            return
        rows = rows.astype(np.float64)
        mean = rows.mean(axis=0)
        squares = np.square(rows - mean).sum(axis=0)
        total = self.count + len(rows)
        shift = mean - self._mean
        self._squares = self._squares + squares + np.square(shift) * (self.count * len(rows) / total)
        self._mean = self._mean + shift * (len(rows) / total)
        self.count = total

    def mean(self) -> Tensor:
        """Mean, float32."""
        return torch.from_numpy(np.asarray(self._mean)).float()

    def std(self) -> Tensor:
        """Population standard deviation, float32; 1 where the values are constant."""
        std = np.sqrt(self._squares / self.count)
        return torch.from_numpy(np.where(std < CONSTANT, 1.0, std)).float()


def compute_statistics(stores: Iterable[LatentsStore]) -> Statistics:
    """Statistics of all clips of `stores`, read clip by clip.

    The last motion row of a clip leads nowhere and is left out.

    Raises:
        LamoError: a value is not finite, or there is no transition at all.
    """
    motion, state = Moments(), Moments()
    for store in stores:
        for index, clip_id in enumerate(store.clip_ids):
            first, last = int(store.offsets[index]), int(store.offsets[index + 1])
            if last == first:
                continue
            clip_state, clip_motion = store.state[first:last], store.motion[first : last - 1]
            for name, values in (("state", clip_state), ("motion", clip_motion)):
                if not np.isfinite(values).all():
                    raise LamoError(
                        f"{store.path}: {name} of clip {clip_id} holds values that are not finite; encode it again"
                    )
            motion.add(clip_motion)
            state.add(clip_state.reshape(-1, clip_state.shape[-1]))
    if motion.count == 0:
        raise LamoError("the latents stores hold no transition: no clip has two frames; give longer training videos")
    return Statistics(motion.mean(), motion.std(), state.mean(), state.std())
