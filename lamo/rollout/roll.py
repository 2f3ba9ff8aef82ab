"""Futures that a predictor draws, one step at a time (paper 4.6), and frames that are observed meanwhile.

Shapes: B windows, K history, P patches, D_z state width.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.predictors.interface import Context, Predictor, Randomness, Sampler
from lamo.rollout.frozen_models import LatentModels, Pyramid, Start


class Roll(ABC):
    """One future of each of B windows.

    Attributes:
        context: what the next step is drawn from: the last K motion tokens and K + 1 states.
    """

    def __init__(
        self, models: LatentModels, start: Start, predictor: Predictor, sampler: Sampler, generators: Randomness
    ) -> None:
        self.models = models
        self.predictor = predictor
        self.sampler = sampler
        self.generators = generators
        self.context = last_of(start.context, predictor.geometry.history)

    @abstractmethod
    def step(self) -> Tensor:
        """Draw the next step: normalised states [B, P, D_z]."""

    @abstractmethod
    def observe(self, z: Pyramid) -> Tensor:
        """Put what was seen in the place of the last step; returns its normalised states [B, P, D_z].

        `z`: the pyramids of the frames that were seen.
        """


class MotionRoll(Roll):
    """Samples m_t, advances z_{t+1} = f_fwd(z_t, m_t) and slides the window."""

    def __init__(
        self, models: LatentModels, start: Start, predictor: Predictor, sampler: Sampler, generators: Randomness
    ) -> None:
        super().__init__(models, start, predictor, sampler, generators)
        self.z = start.z
        # Pyramids of frames that were seen: the one at this moment and the one a step before, if there are such frames.
        self._seen: Pyramid | None = start.z
        self._seen_before: Pyramid | None = None

    def step(self) -> Tensor:
        """Draw the next motion tokens and advance: normalised states [B, P, D_z]."""
        motion = self.predictor.sample(self.context, self.sampler, self.generators)
        self.z = self.models.advance(self.z, motion)
        state = self.models.state(self.z)
        self.context = Context(_slid(self.context.motion, motion), _slid(self.context.states, state))
        self._seen_before, self._seen = self._seen, None
        return state

    def observe(self, z: Pyramid) -> Tensor:
        """As in `Roll`. Where the frame before was seen, too, the true motion tokens take the place of the drawn ones.

        Between a state that was predicted and one that was seen none are inferred: the top level of a predicted state
        stays that of the start, so that they would tell of all the time since then.
        """
        state = self.models.state(z)
        motion = self.context.motion
        if self._seen_before is not None:
            motion = _with_last(motion, self.models.motion(self._seen_before, z))
        self.context = Context(motion, _with_last(self.context.states, state))
        self.z = self._seen = z
        return state


class StateRoll(Roll):
    """The baseline: samples z_{t+1} and appends it to its window; f_fwd is never called."""

    def step(self) -> Tensor:
        """Draw the next states [B, P, D_z]."""
        state = self.predictor.sample(self.context, self.sampler, self.generators)
        self.context = Context(self.context.motion, _slid(self.context.states, state))
        return state

    def observe(self, z: Pyramid) -> Tensor:
        """As in `Roll`."""
        state = self.models.state(z)
        self.context = Context(self.context.motion, _with_last(self.context.states, state))
        return state


def roll(models: LatentModels, start: Start, predictor: Predictor, sampler: Sampler, generators: Randomness) -> Roll:
    """One future of each of B windows, from `start` on.

    Raises:
        LamoError: the predictor reads more than was observed.
    """
    kind = MotionRoll if predictor.predicts == "motion" else StateRoll
    return kind(models, start, predictor, sampler, generators)


def last_of(context: Context, history: int) -> Context:
    """The last `history` motion tokens and `history` + 1 states of what was observed.

    Windows are as long as the longest history of a run demands, so that all predictors predict the same frames.

    Raises:
        LamoError: less was observed.
    """
    observed = context.motion.shape[1]
    if history > observed:
        raise LamoError(
            f"the predictor reads {history} motion tokens, the windows hold {observed}; roll it out with windows of "
            "its own history"
        )
    return Context(context.motion[:, observed - history :], context.states[:, observed - history :])


def _slid(window: Tensor, newest: Tensor) -> Tensor:
    """A window [B, N, ...] slid by one; an empty one stays empty."""
    return torch.cat([window, newest.unsqueeze(1)], dim=1)[:, 1:]


def _with_last(window: Tensor, newest: Tensor) -> Tensor:
    """A window [B, N, ...] with another last item; an empty one stays empty."""
    return torch.cat([window[:, :-1], newest.unsqueeze(1)], dim=1)[:, : window.shape[1]]
