"""The Midway Network: encoders, inverse and forward dynamics, and the step that a rollout repeats.

Shapes: B pairs of frames, L motion levels, M motion tokens per level, D_m their width, P patches, D width. A latent
state is a tuple of L + 1 pyramid levels [B, 1 + P, D], finest first, class token at index 0.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from lamo.errors import LamoError
from lamo.midway.encoder import Encoder
from lamo.midway.forward_dynamics import Prediction, make_forward
from lamo.midway.inverse_dynamics import EPS, InverseDynamics
from lamo.midway.losses import MotionLoss, motion_loss
from lamo.midway.network_config import NetworkConfig
from lamo.midway.projection import project, standardise
from lamo.midway.saved import read_saved
from lamo.midway.state import State
from lamo.nn.share import draw
from lamo.nn.transformer import CrossBlock, init_weights
from lamo.training.model_files import load_weights, save_model

Role = Literal["student", "teacher"]


@dataclass(frozen=True)
class Transition:
    """What the network infers between a source and a target state; tuples run over levels, finest first.

    Attributes:
        motion: motion tokens [B, L, M, D_m] after aggregation.
        motion_raw: L x [B, M, D_m], before aggregation.
        predictions: L x [B, 1 + P, D], not projected.
        gates: of each level, those of its blocks.
        inverse_inputs: L x [B, tokens, D_m], what the inverse model read.
        source_refined, target_refined: L x [B, 1 + P, D], after the laterals.
    """

    motion: Tensor
    motion_raw: tuple[Tensor, ...]
    predictions: State
    gates: tuple[tuple[Tensor, ...], ...]
    inverse_inputs: tuple[Tensor, ...]
    source_refined: State
    target_refined: State


class Midway(nn.Module):
    """Latent dynamics: z_t = encode(x_t), m_t = inverse(z_t, z_{t+1}), z_{t+1} = step(z_t, m_t).

    Made for frames of size `image` (height, width). `motion_noise` is the standard deviation of the noise on the motion
    tokens that the forward models read in training.
    """

    def __init__(self, config: NetworkConfig, image: tuple[int, int], motion_noise: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.form = config.made_of()
        self.image = (image[0], image[1])
        self.motion_noise = motion_noise
        # How it was trained: saved with it, for the record alone.
        self.training_record: Mapping[str, Any] = {}
        width = config.encoder.width
        self.student = Encoder(config.encoder, self.image)
        self.levels = len(config.encoder.levels) - 1
        self.grid = self.student.grid
        self.inverse_dynamics = InverseDynamics(config.inverse, self.form, self.levels, width, self.grid)
        self.motion_proj = nn.Linear(config.inverse.width, width)
        laterals = self.levels if self.form.laterals else 0
        self.source_laterals = nn.ModuleList(
            CrossBlock(width, config.forward_.lateral_heads, eps=EPS) for _ in range(laterals)
        )
        self.forward_dynamics = nn.ModuleList(
            make_forward(config.forward_, self.form, width, self.grid, config.inverse.tokens)
            for _ in range(self.levels)
        )
        self.apply(init_weights)
        self._make_targets()

    def _make_targets(self) -> None:
        """Moving-average copies, which no gradient trains."""
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.target_laterals = copy.deepcopy(self.source_laterals).requires_grad_(False)
        if self.form.pairing == "tokens":
            self.inverse_dynamics.target_embed.load_state_dict(self.inverse_dynamics.source_embed.state_dict())
            self.inverse_dynamics.target_embed.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Only what gradients train goes into train mode: the targets never drop branches."""
        super().train(mode)
        self.teacher.eval()
        self.target_laterals.eval()
        return self

    # --- the pieces that every later stage uses ---

    def encode(self, images: Tensor, role: Role = "teacher") -> State:
        """Latent state of `images` [B, 3, H, W] (normalised floats) by the teacher or the student encoder.

        Rollouts start from the teacher: predictions imitate its features, and where the encoder trained along, rollouts
        from the student were worse by 0.7 to 0.9 dB (docs/recurrence.md).
        """
        return (self.student if role == "student" else self.teacher)(images)

    def inverse(self, z_source: State, z_target: State) -> Tensor:
        """Motion tokens [B, L, M, D_m] that lead from `z_source` to `z_target`."""
        return self.infer(z_source, z_target).motion

    def predict(self, z_source: State, motion: Tensor) -> State:
        """Raw forward predictions L x [B, 1 + P, D] from given motion tokens [B, L, M, D_m]; needs no target."""
        self._check(z_source)
        sources = self._refine(self.source_laterals, z_source)
        return tuple(self._forward(i, sources[i], motion[:, i]).features for i in range(self.levels))

    def step(self, z: State, motion: Tensor, only: Sequence[int] | None = None) -> State:
        """The closed recurrence z_{t+1} = f_fwd(z_t, m_t) (eq. 6): returns a state that its own next call accepts.

        `only` names the levels that are needed. Without laterals no level needs another; the others are then left as
        they are, which saves their share of the work and changes nothing else.
        """
        if only is not None and not self.source_laterals and max(only) < self.levels:
            return tuple(self.advance(i, level, motion[:, i]) if i in only else level for i, level in enumerate(z))
        return self.close(z, self.predict(z, motion))

    def close(self, z: State, predictions: State) -> State:
        """The next state from `z` and the raw `predictions` [B, 1 + P, D] of its levels below the top.

        The predictions are projected. No model predicts the top level: it stays that of `z`, which serves as well as
        predicting or recomputing it (docs/recurrence.md).
        """
        return (*map(self.project, predictions), z[-1])

    def advance(self, level: int, features: Tensor, motion: Tensor) -> Tensor:
        """One level of `step` by itself; only a network without laterals can do that.

        `features` [B, 1 + P, D] and `motion` [B, M, D_m] of this level.
        """
        return self.project(self._forward(level, features, motion).features)

    def train_forward_alone(self) -> None:
        """Let gradients train f_fwd, and nothing else."""
        self.requires_grad_(False)
        for part in (self.motion_proj, self.source_laterals, self.forward_dynamics):
            part.requires_grad_(True)

    def project(self, features: Tensor) -> Tensor:
        """Predictions back onto the manifold of true features, the outputs of the teacher's final LayerNorm."""
        return project(features, self.teacher.norm)

    def standardise(self, features: Tensor) -> Tensor:
        """What the teacher's final LayerNorm has before its affine part."""
        return standardise(features, self.teacher.norm)

    # --- inference of motion, top-down ---

    def infer(self, z_source: State, z_target: State) -> Transition:
        """Motion tokens and predictions of all levels from the top down (eq. 1).

        The inverse model of a level sees the forward prediction of the level above, so it explains only what that
        prediction got wrong.
        """
        self._check(z_source)
        self._check(z_target)
        sources = self._refine(self.source_laterals, z_source)
        targets = self._refine(self.target_laterals, z_target)
        motion = self.inverse_dynamics.motion_tokens.expand(len(z_source[0]), -1, -1)
        inverse_source = z_source[-1]
        upper_target = z_target[-1]
        motions, raws, predictions, inputs = [], [], [], []
        for level in reversed(range(self.levels)):
            tokens = self.inverse_dynamics.inputs(level, motion, inverse_source, upper_target)
            raw = self.inverse_dynamics(level, tokens)
            # The blocks are residual, so below the top the incoming tokens count twice, as in the published model.
            motion = self.inverse_dynamics.normalise(level, raw if level == self.levels - 1 else raw + motion)
            prediction = self._forward(level, sources[level], motion)
            inverse_source = prediction.features
            upper_target = targets[level]
            motions.append(motion)
            raws.append(raw)
            predictions.append(prediction)
            inputs.append(tokens)
        return Transition(
            motion=torch.stack(motions[::-1], dim=1),
            motion_raw=tuple(raws[::-1]),
            predictions=tuple(p.features for p in predictions[::-1]),
            gates=tuple(p.gates for p in predictions[::-1]),
            inverse_inputs=tuple(inputs[::-1]),
            source_refined=sources,
            target_refined=targets,
        )

    def motion_loss(self, z_source: State, z_target: State) -> MotionLoss:
        """Loss of one time direction, without the weighting by change that training may add.

        `z_source` by the student, `z_target` by the teacher; the published loss is the mean over both directions.
        """
        predictions = self.infer(z_source, z_target).predictions
        return motion_loss(predictions, z_source, z_target, self.form.distance)

    def _forward(self, level: int, source: Tensor, motion: Tensor) -> Prediction:
        return self.forward_dynamics[level](source, self.motion_proj(self._noisy(motion)))

    def _noisy(self, motion: Tensor) -> Tensor:
        """Motion tokens as a forward model gets them: in training with noise, drawn anew at every call."""
        if not (self.training and self.motion_noise):
            return motion
        return motion + self.motion_noise * draw(
            torch.randn, tuple(motion.shape), device=motion.device, dtype=motion.dtype
        )

    def _refine(self, laterals: nn.ModuleList, z: State) -> State:
        """Levels refined by attention to the refined level above; the plain levels where there are no laterals."""
        refined = list(z[:-1])
        upper = z[-1]
        for level in reversed(range(len(laterals))):
            refined[level] = upper = laterals[level](z[level], upper)
        return tuple(refined)

    def _check(self, z: State) -> None:
        patches = self.grid[0] * self.grid[1]
        if len(z) != self.levels + 1 or z[0].shape[1] != patches + 1:
            raise LamoError(
                f"latent state: found {len(z)} levels of {z[0].shape[1]} tokens, expected {self.levels + 1} levels of "
                f"{patches + 1}: the motion part is fixed to the grid {self.grid} of frames of size {self.image}"
            )

    # --- files ---

    def save(self, folder: str | Path) -> None:
        """Write weights and settings to `folder`."""
        network = self.config.model_dump(mode="json", by_alias=True, include=set(NetworkConfig.model_fields))
        settings = network | {"training": dict(self.training_record)}
        save_model(folder, self, {"midway": settings, "image": list(self.image)})

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The network saved in `folder`, in eval mode. Raises `LamoError` if it is missing, damaged or of no form."""
        saved = read_saved(folder)
        model = cls(saved.config, saved.image)
        model.training_record = saved.training
        load_weights(folder, model)
        return model.eval().requires_grad_(False)
