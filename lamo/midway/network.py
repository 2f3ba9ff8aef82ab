"""The Midway Network: encoders, inverse and forward dynamics, and the recurrence that a rollout needs.

Shapes: B pairs of frames, L motion levels, M motion tokens per level, D_m their width, P patches, D width. A latent
state is a tuple of L + 1 pyramid levels [B, 1 + P, D], finest first, class token at index 0.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, Self

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from lamo.errors import LamoError
from lamo.midway.config import MidwayConfig
from lamo.midway.encoder import Encoder
from lamo.midway.forward_dynamics import Prediction, make_forward
from lamo.midway.inverse_dynamics import EPS, InverseDynamics
from lamo.midway.losses import MotionLoss, motion_loss
from lamo.midway.recurrence import project, standardise, upper_levels
from lamo.midway.state import State
from lamo.nn.share import draw
from lamo.nn.transformer import CrossBlock, init_weights
from lamo.training.model_files import load_config, load_weights, save_model

Role = Literal["student", "teacher"]


@dataclass(frozen=True)
class Transition:
    """What the network infers between a source and a target state; lists run over levels, finest first.

    `motion` [B, L, M, D_m] after aggregation, `motion_raw` L x [B, M, D_m] before; `predictions` L x [B, 1 + P, D],
    raw; `gates` per level; `inverse_inputs` L x [B, tokens, D_m]; `source_refined` and `target_refined`
    L x [B, 1 + P, D], after the laterals.
    """

    motion: Tensor
    motion_raw: tuple[Tensor, ...]
    predictions: State
    gates: tuple[tuple[Tensor, ...], ...]
    inverse_inputs: tuple[Tensor, ...]
    source_refined: State
    target_refined: State


class Midway(nn.Module):
    """Latent dynamics: z_t = encode(x_t), m_t = inverse(z_t, z_{t+1}), z_{t+1} = step(z_t, m_t)."""

    def __init__(self, config: MidwayConfig, image: tuple[int, int]) -> None:
        super().__init__()
        self.config, self.image = config, (image[0], image[1])
        width, motion_width = config.encoder.width, config.inverse.width
        self.student = Encoder(config.encoder, self.image)
        self.levels = len(config.encoder.levels) - 1
        self.grid = self.student.grid
        self.inverse_dynamics = InverseDynamics(config.inverse, self.levels, width, self.grid)
        self.motion_proj = nn.Linear(motion_width, width)
        laterals = self.levels if config.forward_.laterals else 0
        self.source_laterals = nn.ModuleList(
            CrossBlock(width, config.forward_.lateral_heads, eps=EPS) for _ in range(laterals)
        )
        forwards = self.levels + (config.recurrence.top == "predicted")
        self.forward_dynamics = nn.ModuleList(
            make_forward(config.forward_, width, self.grid, config.inverse.tokens) for _ in range(forwards)
        )
        self.apply(init_weights)
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.target_laterals = copy.deepcopy(self.source_laterals).requires_grad_(False)
        if config.inverse.pairing == "tokens":
            self.inverse_dynamics.target_embed.load_state_dict(self.inverse_dynamics.source_embed.state_dict())
            self.inverse_dynamics.target_embed.requires_grad_(False)
        if config.recurrence.top == "recomputed":
            # Logarithm of the scale of the encoder's stream; fitted in closed form (`lamo.midway.learning.fitting`).
            self.stream_scale = nn.Linear(width, 1).requires_grad_(False)
            nn.init.zeros_(self.stream_scale.weight)
            nn.init.zeros_(self.stream_scale.bias)

    def train(self, mode: bool = True) -> Self:
        """Only what gradients train goes into train mode: the targets never drop branches."""
        super().train(mode)
        self.teacher.eval()
        self.target_laterals.eval()
        return self

    # --- the pieces that every later stage uses ---

    def encode(self, images: Tensor, role: Role = "teacher") -> State:
        """Latent state of `images` [B, 3, H, W] (normalised floats) by the student or the teacher encoder."""
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

        `only` names the levels that are needed: without laterals no level needs another, and the others are left as
        they are, which saves their share of the work and changes nothing else.
        """
        recomputed = self.config.recurrence.top == "recomputed"
        alone = 1 if recomputed else self.levels
        if only is not None and not self.source_laterals and max(only) < alone:
            return tuple(self.advance(i, level, motion[:, i]) if i in only else level for i, level in enumerate(z))
        if not recomputed:
            return self.close(z, self.predict(z, motion), motion)
        self._check(z)
        finest = self._forward(0, self._refine(self.source_laterals, z)[0], motion[:, 0]).features
        return self.close(z, (finest,), motion)

    def close(self, z: State, predictions: State, motion: Tensor) -> State:
        """The next state from raw `predictions` [B, 1 + P, D] of the levels below the top, made from `z` and `motion`.

        All are projected (`recurrence.projection`). `recurrence.top` held: the top level stays that of `z`; predicted:
        a forward model of its own advances it under the motion tokens of the level below; recomputed: see `recompute`,
        which needs the finest prediction alone.
        """
        top = self.config.recurrence.top
        if top == "recomputed":
            return self.recompute(self.project(predictions[0]))
        upper = z[-1] if top == "held" else self.project(self.predict_top(z, motion))
        return (*map(self.project, predictions), upper)

    def predict_top(self, z: State, motion: Tensor) -> Tensor:
        """Raw prediction [B, 1 + P, D] of the top level by its own forward model (`recurrence.top` = predicted)."""
        return self._forward(self.levels, z[-1], motion[:, -1]).features

    def recompute(self, finest: Tensor) -> State:
        """The state whose finest level is `finest` [B, 1 + P, D]: all upper levels, intermediate ones too, by the
        teacher's remaining blocks, so that they agree as those of one frame do.

        The blocks need the stream that the final LayerNorm made level 0 of. Its mean per token is lost but read by
        nobody; its scale per token is lost too and is restored as exp of an affine function of the standardised
        features. On held-out frames of the demo's world the upper levels then miss the true ones by a mean square of
        5e-5 of their variance; with one scale for all tokens by 5e-4, with scale 1 by 0.06 to 0.08; from a frame to the
        next they change by 0.1.
        """
        stream = self.standardise(finest)
        return (finest, *upper_levels(self.teacher, stream * self.stream_scale(stream).float().exp()))

    def advance(self, level: int, features: Tensor, motion: Tensor) -> Tensor:
        """One level of `step` by itself; only a network without laterals can do that.

        `features` [B, 1 + P, D] and `motion` [B, M, D_m] of this level.
        """
        return self.project(self._forward(level, features, motion).features)

    def project(self, features: Tensor) -> Tensor:
        """Back onto the manifold of true features, the outputs of the teacher's final LayerNorm, by
        `recurrence.projection`. True features stay as they are."""
        return project(features, self.teacher.norm, self.config.recurrence.projection)

    def standardise(self, features: Tensor) -> Tensor:
        """What the teacher's final LayerNorm has before its affine part."""
        return standardise(features, self.teacher.norm)

    # --- inference of motion, top-down ---

    def infer(self, z_source: State, z_target: State) -> Transition:
        """Motion tokens and predictions of all levels from the top down (eq. 1): the inverse model of a level sees the
        forward prediction of the level above, so it explains only what that prediction got wrong."""
        self._check(z_source)
        self._check(z_target)
        sources = self._refine(self.source_laterals, z_source)
        targets = self._refine(self.target_laterals, z_target)
        motion = self.inverse_dynamics.motion_tokens.expand(len(z_source[0]), -1, -1)
        inverse_source, upper_target = z_source[-1], z_target[-1]
        motions, raws, predictions, inputs = [], [], [], []
        for level in reversed(range(self.levels)):
            tokens = self.inverse_dynamics.inputs(level, motion, inverse_source, upper_target)
            raw = self.inverse_dynamics(level, tokens)
            # The blocks are residual, so below the top the incoming tokens count twice, as in the published model.
            motion = self.inverse_dynamics.normalise(level, raw if level == self.levels - 1 else raw + motion)
            prediction = self._forward(level, sources[level], motion)
            inverse_source, upper_target = prediction.features, targets[level]
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
        return motion_loss(predictions, z_source, z_target, self.config.training.distance)

    def _forward(self, level: int, source: Tensor, motion: Tensor) -> Prediction:
        return self.forward_dynamics[level](source, self.motion_proj(self._noisy(motion)))

    def _noisy(self, motion: Tensor) -> Tensor:
        """Motion tokens as a forward model gets them: in training with noise, drawn anew at every call."""
        noise = self.config.training.motion_noise
        if not (self.training and noise):
            return motion
        return motion + noise * draw(torch.randn, tuple(motion.shape), device=motion.device, dtype=motion.dtype)

    def _refine(self, laterals: nn.ModuleList, z: State) -> State:
        """Levels refined by attention to the refined level above; the plain levels where there are no laterals."""
        refined, upper = list(z[:-1]), z[-1]
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

    @classmethod
    def from_upstream(cls, path: str | Path, *, encoder_heads: int | None = None) -> Self:
        """A published checkpoint in eval mode (see `lamo.midway.checkpoint.upstream.import_upstream`)."""
        # By name: with an import statement every stage would depend on the importer's code.
        return import_module("lamo.midway.checkpoint.upstream").import_upstream(path, encoder_heads=encoder_heads)

    def save(self, folder: str | Path) -> None:
        """Write weights and configuration to `folder`."""
        settings = self.config.model_dump(mode="json", by_alias=True)
        save_model(folder, self, {"midway": settings, "image": list(self.image)})

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The model saved in `folder`, in eval mode."""
        saved = load_config(folder)
        try:
            config = MidwayConfig.model_validate(saved["midway"])
        except ValidationError as error:
            key, found = ".".join(map(str, error.errors()[0]["loc"])), error.errors()[0]["msg"]
            raise LamoError(f"{folder}: its config.json is of another version ({key}: {found}); train again") from None
        model = cls(config, tuple(saved["image"]))
        load_weights(folder, model)
        return model.eval().requires_grad_(False)
