"""Futures of a world model, one step at a time.

    >>> import lamo, numpy
    >>> model, frame = lamo.load(device="cpu"), numpy.zeros((32, 64, 3), "uint8")
    >>> future = model.begin(numpy.stack([frame] * 4), samples=2)
    >>> for _ in range(5):
    ...     states = future.step()
    >>> states = future.observe(frame)  # what the camera sees now, a second later
    >>> pictures = model.decode(future.step())
    >>> future.steps, pictures.shape
    (6, (2, 32, 64, 3))

Shapes: B clips, S samples, T steps, H and W height and width, P patches, D_z state width.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.images import to_input
from lamo.rollout.roll import Roll

Checked = Callable[[np.ndarray | Tensor], np.ndarray]


@dataclass(frozen=True)
class Futures:
    """What may come after the observed frames.

    Attributes:
        frames: uint8 [B, S, T, H, W, 3]; without B if one clip was given without it.
        states: normalised latent states [B, S, T, P, D_z], likewise.
        times_s: of the T frames after the last observed one; s.
    """

    frames: np.ndarray
    states: Tensor
    times_s: np.ndarray


class Rollout:
    """The futures of one clip, S of them, or of B clips, B x S.

    Attributes:
        steps: how many steps were drawn.
    """

    def __init__(self, roll: Roll, shape: tuple[int, ...], checked: Checked) -> None:
        self.steps = 0
        self._roll = roll
        self._shape = shape
        self._checked = checked

    def step(self) -> Tensor:
        """Draw the next step: normalised states [B, S, P, D_z]; without B if one clip was given without it.

        Raises:
            LamoError: a state is not finite.
        """
        with torch.inference_mode():
            state = self._roll.step()
        self.steps += 1
        if not state.isfinite().all():
            raise LamoError(
                f"rollout: found a state at step {self.steps} that is not finite, the model diverged; give it frames "
                "like those that it was trained on, or fewer seconds"
            )
        return state.unflatten(0, self._shape)

    def observe(self, frames: np.ndarray | Tensor) -> Tensor:
        """Correct all futures by what is seen at the moment of the last step; returns the states, as `step`.

        `frames`: uint8 [H, W, 3], or [B, H, W, 3] of B clips. Where the frame before was observed too, the motion
        between them is inferred, and the next steps are drawn from it.

        Raises:
            LamoError: no step was drawn yet, or the frames have another type, size or number.
        """
        if not self.steps:
            raise LamoError("observe: found no step drawn yet, expected one; the start was observed already")
        found = self._checked(frames)
        clips = self._shape[:-1]
        if found.shape[:-3] != clips:
            raise LamoError(f"observe: found frames {found.shape}, expected {(*clips, *found.shape[-3:])}")
        samples = self._shape[-1]
        images = to_input(found.reshape(-1, 1, *found.shape[-3:]), self._roll.models.device).flatten(0, 1)
        with torch.inference_mode():
            levels = self._roll.models.dynamics.encode(images)
            state = self._roll.observe(tuple(level.repeat_interleave(samples, 0) for level in levels))
        return state.unflatten(0, self._shape)
