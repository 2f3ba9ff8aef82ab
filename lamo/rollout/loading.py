"""The frozen models of a run, from the folders that the stages before wrote."""

from collections.abc import Sequence
from pathlib import Path

import torch

from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.midway.network import Midway
from lamo.predictors.statistics import Statistics
from lamo.rollout.frozen_models import FrozenModels, LatentDynamics, LatentModels, SteppedBy


def load_latent_models(
    midway: str | Path,
    statistics: str | Path,
    levels: Sequence[int],
    device: torch.device,
    forward: str | Path | None = None,
) -> LatentModels:
    """Dynamics and normalisation of a run on `device`: folder of the Midway Network, file of the statistics.

    `levels` are the pyramid levels of the latent state. `forward` is the folder of another Midway Network whose f_fwd
    takes the steps. Raises `LamoError` if a file is missing, damaged or of another model.
    """
    dynamics: LatentDynamics = Midway.load(midway).to(device)
    if forward is not None:
        dynamics = SteppedBy(dynamics, Midway.load(forward).to(device))
    return LatentModels(dynamics, Statistics.load(statistics).to(device), tuple(levels), device)


def load_models(
    midway: str | Path,
    decoder: str | Path,
    statistics: str | Path,
    levels: Sequence[int],
    device: torch.device,
    forward: str | Path | None = None,
) -> FrozenModels:
    """As `load_latent_models`, with the decoder in another folder."""
    latent = load_latent_models(midway, statistics, levels, device, forward)
    pixels = PixelDecoder.load(decoder).to(device)
    return FrozenModels(latent.dynamics, latent.statistics, latent.levels, device, pixels)
