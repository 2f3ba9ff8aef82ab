"""The frozen models that a rollout runs in, and batches of windows encoded by them.

Shapes: B windows, F frames of a window (K + 1 observed, T to predict), P patches, D_z state width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lamo.images import to_input, to_uint8
from lamo.midway.state import state_tokens
from lamo.predictors.interface import Context
from lamo.predictors.statistics import Statistics
from lamo.rollout.windows import ClipFrames
from lamo.stores.rollouts import Window

Pyramid = tuple[Tensor, ...]


class LatentDynamics(Protocol):
    """What a rollout needs of the Midway Network; z is a tuple of levels [B, 1 + P, D]."""

    def encode(self, images: Tensor) -> Pyramid: ...

    def inverse(self, z_source: Pyramid, z_target: Pyramid) -> Tensor: ...

    def step(self, z: Pyramid, motion: Tensor, only: Sequence[int] | None = None) -> Pyramid: ...


class SteppedBy:
    """Dynamics whose f_fwd is that of another network; encoder and inverse dynamics are those of `frozen`.

    The inverse dynamics read forward predictions, so that another f_fwd there would change what motion tokens mean.
    """

    def __init__(self, frozen: LatentDynamics, forward: LatentDynamics) -> None:
        self.frozen = frozen
        self.forward = forward

    def encode(self, images: Tensor) -> Pyramid:
        """Latent states by `frozen`."""
        return self.frozen.encode(images)

    def inverse(self, z_source: Pyramid, z_target: Pyramid) -> Tensor:
        """Motion tokens by `frozen`."""
        return self.frozen.inverse(z_source, z_target)

    def step(self, z: Pyramid, motion: Tensor, only: Sequence[int] | None = None) -> Pyramid:
        """The next state by the other network."""
        return self.forward.step(z, motion, only=only)


@dataclass(frozen=True)
class LatentModels:
    """Dynamics and normalisation: what a rollout of latent states runs in.

    Attributes:
        dynamics: the Midway Network.
        statistics: normalisation of motion tokens and states, on `device`.
        levels: pyramid levels that make up the state of decoder and predictors.
        device: where the models are.
    """

    dynamics: LatentDynamics
    statistics: Statistics
    levels: tuple[int, ...]
    device: torch.device

    def state(self, z: Pyramid) -> Tensor:
        """Normalised state tokens of a pyramid, [B, P, D_z]."""
        return self.statistics.normalise_state(state_tokens(z, self.levels).float())

    def motion(self, z_source: Pyramid, z_target: Pyramid) -> Tensor:
        """Normalised motion tokens between two pyramids, [B, L, M, D_m]."""
        return self.statistics.normalise_motion(self.dynamics.inverse(z_source, z_target).float())

    def advance(self, z: Pyramid, motion: Tensor) -> Pyramid:
        """z_{t+1} = f_fwd(z_t, m_t) with normalised motion tokens; levels that the state does not need may stay."""
        return self.dynamics.step(z, self.statistics.restore_motion(motion), only=self.levels)


@dataclass(frozen=True)
class FrozenModels(LatentModels):
    """The models of a rollout that is drawn, too.

    Attributes:
        decoder: unnormalised state [B, P, D_z] -> images [B, 3, H, W] in 0..1.
    """

    decoder: Callable[[Tensor], Tensor]

    def pixels(self, state: Tensor) -> np.ndarray:
        """Frames of normalised states: [B, P, D_z] -> uint8 [B, H, W, 3]."""
        return to_uint8(self.decoder(self.statistics.restore_state(state)))


@dataclass(frozen=True)
class Start:
    """What a rollout begins with: what was observed, and the pyramid of the last observed frame, of B windows."""

    context: Context
    z: Pyramid

    def repeated(self, samples: int) -> "Start":
        """Each window `samples` times in a row."""
        motion, states = (value.repeat_interleave(samples, 0) for value in (self.context.motion, self.context.states))
        return Start(Context(motion, states), tuple(level.repeat_interleave(samples, 0) for level in self.z))


class Observation:
    """Frames of B windows and, on demand, their encoding.

    Attributes:
        frames: uint8 [B, F, H, W, 3], frame K being the last observed one.
        history: K.
    """

    def __init__(self, models: LatentModels, frames: np.ndarray | Tensor, history: int) -> None:
        self.models, self.frames, self.history = models, frames, history
        self._pyramids: Pyramid | None = None
        self._motion: dict[int, Tensor] = {}

    def z(self, index: int) -> Pyramid:
        """Pyramid of frame `index` of each window."""
        if self._pyramids is None:
            levels = self.models.dynamics.encode(to_input(self.frames, self.models.device).flatten(0, 1))
            self._pyramids = tuple(level.unflatten(0, self.frames.shape[:2]) for level in levels)
        return tuple(level[:, index] for level in self._pyramids)

    def state(self, index: int) -> Tensor:
        """Normalised state of frame `index` of each window, [B, P, D_z]."""
        return self.models.state(self.z(index))

    def motion(self, index: int) -> Tensor:
        """Normalised motion tokens from frame `index` to the next, [B, L, M, D_m]."""
        # All samples, and the steps of a likelihood, read the same ones.
        if index not in self._motion:
            self._motion[index] = self.models.motion(self.z(index), self.z(index + 1))
        return self._motion[index]

    def context(self, later: int = 0) -> Context:
        """What may be observed: K motion tokens and K + 1 states; `later` steps later, if the truth is known so far."""
        states = torch.stack([self.state(later + i) for i in range(self.history + 1)], dim=1)
        if self.history:
            return Context(torch.stack([self.motion(later + i) for i in range(self.history)], dim=1), states)
        empty = self.models.statistics.motion_mean.new_zeros(
            (len(states), 0, *self.models.statistics.motion_mean.shape)
        )
        return Context(empty, states)

    def start(self) -> Start:
        """What a rollout begins with."""
        return Start(self.context(), self.z(self.history))


class Scene(Observation):
    """A batch of windows of clips, whose frames to predict are known too.

    Attributes:
        windows: the windows, B of them.
        steps: frames to predict, T.
    """

    def __init__(
        self, models: FrozenModels, clips: ClipFrames, windows: Sequence[Window], history: int, steps: int
    ) -> None:
        frames = clips.read(windows, 0, history + 1 + steps)
        super().__init__(models, frames, history)
        self.models: FrozenModels = models
        self.frames: np.ndarray = frames
        self.clips, self.windows, self.steps = clips, list(windows), steps

    def true_states(self) -> Tensor:
        """Normalised states of the frames to predict, [B, T, P, D_z]."""
        return torch.stack([self.state(self.history + 1 + i) for i in range(self.steps)], dim=1)
