"""The frozen models of a run, from the folders that the stages before wrote."""

from collections.abc import Sequence
from pathlib import Path

import torch

from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.midway.network import Midway
from lamo.predictors.statistics import Statistics
from lamo.rollout.frozen_models import FrozenModels


def load_models(
    midway: str | Path, decoder: str | Path, statistics: str | Path, levels: Sequence[int], device: torch.device
) -> FrozenModels:
    """The models of a run on `device`: folders of the Midway Network and the decoder, file of the statistics.

    `levels` are the pyramid levels of the latent state. Raises `LamoError` if a file is missing, damaged or of another
    model.
    """
    dynamics = Midway.load(midway).to(device)
    pixels = PixelDecoder.load(decoder).to(device)
    normalisation = Statistics.load(statistics).to(device)
    return FrozenModels(dynamics, pixels, normalisation, tuple(levels), device)
