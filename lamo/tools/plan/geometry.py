"""The sizes that follow from a configuration: models, latent states, motion tokens, rollouts."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from lamo.config import Config
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.midway.network import Midway
from lamo.midway.network_config import NetworkConfig
from lamo.midway.upstream.importing import import_checkpoint
from lamo.predictors.build import build_predictor
from lamo.predictors.interface import Geometry, Predictor
from lamo.predictors.kinds import find_kind
from lamo.predictors.sampler import Sampler, sampler_name
from lamo.predictors.statistics import Statistics
from lamo.rollout.autoregressive import Plan


@dataclass(frozen=True)
class Sizes:
    """What is fixed before training: the network's configuration (of `midway.checkpoint`, if that is given), sizes of
    latent states and motion tokens, and the plan of the rollouts."""

    config: Config
    midway: NetworkConfig
    geometry: Geometry
    plan: Plan

    @property
    def image(self) -> tuple[int, int]:
        """Height and width of the frames."""
        return self.config.frames.height, self.config.frames.width

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame, uint8 [H, W, 3]."""
        return 3 * self.image[0] * self.image[1]

    @property
    def latent_bytes(self) -> int:
        """Bytes of one frame's latent state and motion tokens in float16."""
        shape = self.geometry
        return 2 * (shape.patches * shape.state_width + shape.slots * shape.motion_width)

    @property
    def horizon_steps(self) -> tuple[int, ...]:
        """Steps of the rollouts at which likelihoods are computed, counted from 1."""
        return self.config.rollouts.horizon_steps(self.config.frames.rate_hz)

    @property
    def statistics(self) -> Statistics:
        """Statistics that change nothing, in place of those of stage 03."""
        shape = self.geometry
        motion = torch.ones(shape.levels, shape.tokens, shape.motion_width)
        state = torch.ones(shape.state_width)
        return Statistics(0 * motion, motion, 0 * state, state)

    def make_midway(self) -> Midway:
        """The Midway Network, untrained."""
        return Midway(self.midway, self.image)

    def make_decoder(self) -> PixelDecoder:
        """The pixel decoder, untrained."""
        shape = self.geometry
        return PixelDecoder(self.config.decoder, shape.state_width, shape.grid, self.midway.encoder.patch)

    @property
    def rows(self) -> list[tuple[str, str, int]]:
        """Predictor, label of the sampler and seed of every rollout of a trained predictor."""
        predictors = self.config.predictors
        return [(row.entry, row.label, seed) for row in predictors.rows() for seed in predictors.seeds]

    def sampler(self, entry: str, label: str) -> Sampler:
        """The sampler of a row of the tables, e.g. flow-20."""
        return find_kind(self.config.predictors.entries[entry].kind).parse(sampler_name(entry, label), entry)

    def samples(self, entry: str, label: str) -> int:
        """Futures of a window that a sampler draws."""
        return 1 if self.sampler(entry, label).deterministic else self.plan.samples

    def geometry_of(self, entry: str) -> Geometry:
        """Sizes that a predictor is made for, which may have a history of its own."""
        return replace(self.geometry, history=self.config.predictors.of(entry).history)

    def make_predictor(self, entry: str) -> Predictor:
        """The predictor of an entry, untrained."""
        return build_predictor(self.config.predictors.of(entry), self.geometry_of(entry))


def sizes_of(config: Config) -> Sizes:
    """The sizes of a run; reads the configuration of `midway.checkpoint` where there is one."""
    midway = _midway(config)
    encoder, inverse = midway.encoder, midway.inverse
    grid = (config.frames.height // encoder.patch, config.frames.width // encoder.patch)
    geometry = Geometry(
        history=config.predictors.longest_history, levels=len(encoder.levels) - 1, tokens=inverse.tokens,
        motion_width=inverse.width, grid=grid, state_width=len(config.latents.levels) * encoder.width,
    )  # fmt: skip
    rollouts = config.rollouts
    steps = max(rollouts.horizon_steps(config.frames.rate_hz))
    plan = Plan(config.predictors.longest_history, steps, rollouts.samples, rollouts.batch, rollouts.seed)
    return Sizes(config, midway, geometry, plan)


def _midway(config: Config) -> NetworkConfig:
    if config.midway.checkpoint is None:
        return config.midway
    image = (config.frames.height, config.frames.width)
    return import_checkpoint(config.midway, image).config


def weight_bytes(make: Callable[[], nn.Module]) -> int:
    """Bytes of the weights that a model is saved with; it is built without memory."""
    with torch.device("meta"):
        return sum(tensor.numel() * tensor.element_size() for tensor in make().state_dict().values())
