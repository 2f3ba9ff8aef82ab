"""A world model of tiny, untrained networks in a folder, and a video for it."""

import numpy as np
import pytest
import torch
from made_predictors import predictors
from midway.conftest import COMPACT, IMAGE, shaken

from lamo.decoder.config import DecoderShape
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.midway.config import MidwayConfig
from lamo.midway.network import Midway
from lamo.model.bundle import FrameFormat, ModelFacts, write_facts
from lamo.predictors.build import build_predictor, save_predictor
from lamo.predictors.interface import Geometry
from lamo.predictors.statistics import Statistics
from lamo.world.write import write_video

HEIGHT, WIDTH = IMAGE
RATE = 5.0


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory):
    """The folder of a finished run with a model in it."""
    torch.manual_seed(0)
    run = tmp_path_factory.mktemp("run")
    folder = run / "model"
    midway = shaken(Midway(MidwayConfig.model_validate(COMPACT), IMAGE))
    midway.save(folder / "midway")
    inverse = midway.config.inverse
    levels, tokens, width = midway.levels, inverse.tokens, inverse.width
    geometry = Geometry(3, levels, tokens, width, midway.grid, COMPACT["encoder"]["width"])
    PixelDecoder(DecoderShape(depth=1, width=16, heads=2), geometry.state_width, midway.grid, 4).save(
        folder / "decoder"
    )
    size = (levels, tokens, width)
    numbers = [torch.zeros(size), torch.ones(size), torch.zeros(geometry.state_width), torch.ones(geometry.state_width)]
    Statistics(*numbers).save(folder / "statistics.safetensors")
    entries = {"flow": {"samplers": ["2", "guess"], "width": 16}, "gmm": {"samplers": ["sample", "mean"]}}
    config = predictors(entries, backbone={"depth": 1, "width": 16, "heads": 2})
    samplers = {name: tuple(config.entries[name].samplers) for name in ("flow", "gmm")}
    for name in samplers:
        predictor = shaken(build_predictor(config.of(name), geometry))
        save_predictor(folder / "predictors" / name, predictor, config.of(name), geometry)
    frames = FrameFormat(height=HEIGHT, width=WIDTH, rate_hz=RATE, fit="crop")
    write_facts(
        folder,
        ModelFacts(run="tiny", frames=frames, origin="made up", levels=(0,), predictors=samplers, predictor="gmm"),
    )
    return run


@pytest.fixture
def frames() -> np.ndarray:
    """Seven frames of the model's size."""
    return np.random.default_rng(0).integers(0, 256, (7, HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def video(tmp_path_factory):
    """Three seconds at 10 frames per second, of another size than the model's."""
    coarse = np.random.default_rng(1).integers(0, 256, (30, 4, 6, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("video") / "drive.mp4"
    write_video(path, coarse.repeat(10, axis=1).repeat(10, axis=2), fps=10)
    return path
