"""Every training of the workflow, so small that it takes a second, and what it leaves behind."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from lamo.decoder.config import DecoderConfig
from lamo.decoder.training import DecoderData, train_decoder
from lamo.metrics.config import WorldFeaturesConfig, WorldFeaturesTraining
from lamo.metrics.features.examples import Examples
from lamo.metrics.features.world import train_world_features
from lamo.midway.config import MidwayConfig
from lamo.midway.learning.training import train_midway
from lamo.predictors.data import LatentWindows, geometry_of
from lamo.predictors.entries import PredictorsConfig
from lamo.predictors.statistics import compute_statistics
from lamo.predictors.train import train_predictor
from lamo.stores.windows import ShardArray
from lamo.training.seed import seed_everything
from lamo.training.session import Session
from lamo.training.state_files import read_state

STEPS = 8
IMAGE = (16, 24)
# Numbers of the clock, which no two runs share.
CLOCK = {"samples_per_s", "minutes", "data_wait_share"}
ENCODER = {"patch": 8, "width": 16, "depth": 3, "heads": 2, "levels": [0, 1, 2]}
SMALL = {
    "encoder": ENCODER,
    "inverse": {"tokens": 3, "width": 8, "depth": 1, "heads": 2},
    "forward": {"heads": 2, "lateral_heads": 2},
}
# In float32, so that what differs between numbers of processes is rounding in the last bits.
SHORT = {
    "mixed_precision": False,
    "steps": STEPS,
    "batch": 4,
    "validate_every": 3,
    "unroll": [1, 2],
    "motion_noise": 0.3,
}
COMPACT = SHORT | {"pretraining": {"steps": STEPS, "batch": 4}}
HEADS: dict[str, dict[str, Any]] = {
    "flow": {"width": 16, "blocks": 1, "coupling": "attention"}, "gmm": {},
    "state": {"width": 16, "blocks": 1},
}  # fmt: skip
PUBLISHED = SHORT | {
    "both_directions": True, "unroll": [1], "gap_s": [0.2, 0.4], "augmentation": {"scale": [0.3, 0.6], "light": True},
    "dino": {"prototypes": 8, "hidden": 8, "bottleneck": 4},
}  # fmt: skip


def shards(clips: int, length: int, seed: int) -> list[ShardArray]:
    frames = np.random.default_rng(seed).integers(0, 256, (clips * length, *IMAGE, 3), dtype=np.uint8)
    return [ShardArray(frames, np.arange(clips + 1) * length)]


def midway(training: dict[str, Any], session: Session, **changes: Any) -> None:
    seed_everything(3)
    config = MidwayConfig.model_validate(SMALL | changes | {"training": training})
    train_midway(config, shards(4, 12, 0), shards(2, 12, 1), 3, session, 5.0)


def compact(session: Session) -> None:
    midway(COMPACT, session)


def published(session: Session) -> None:
    midway(PUBLISHED, session, form="published", encoder=ENCODER | {"drop_path": 0.3})


def decoder(session: Session) -> None:
    seed_everything(3)
    random = np.random.default_rng(0)
    offsets = np.array([0, 10, 16])
    frames = random.integers(0, 256, (16, *IMAGE, 3), dtype=np.uint8)
    data = DecoderData(
        [ShardArray(frames, offsets)], [ShardArray(random.normal(size=(16, 6, 5)).astype("f2"), offsets)]
    )
    training = {"mixed_precision": False, "steps": STEPS, "batch": 4, "warmup_steps": 0, "validate_every": 1}
    config = DecoderConfig.model_validate({"depth": 1, "width": 16, "heads": 2, "training": training})
    train_decoder(config, data, data, (2, 3), 3, session)


def predictor(name: str, session: Session) -> None:
    random, offsets = np.random.default_rng(0), np.array([0, 12, 18])
    state, motion = random.normal(size=(18, 6, 5)).astype("f2"), random.normal(size=(18, 2, 3, 4)).astype("f2")
    store: Any = SimpleNamespace(
        state=state, motion=motion, offsets=offsets, clip_ids=["a", "b"], path="made", grid=(2, 3)
    )
    training = {
        "mixed_precision": False,
        "steps": STEPS,
        "batch": 4,
        "warmup_steps": 2,
        "validate_every": 3,
        "validation_batches": 1,
    }
    entry = {"kind": name, "samplers": ["guess"], "training": training, **HEADS[name]}
    backbone = {"depth": 1, "width": 16, "heads": 2}
    config = PredictorsConfig.model_validate({"backbone": backbone, "entries": {name: entry}}).of(name)
    windows = LatentWindows([store], config.history, compute_statistics([store]))
    with tempfile.TemporaryDirectory() as folder:
        train_predictor(config, geometry_of([store], 3), windows, windows, 3, folder, session, rate_hz=5.0)


def features(session: Session) -> None:
    seed_everything(3)
    random = np.random.default_rng(0)
    targets = random.normal(size=(24, 3)).astype("f4")
    targets[::5, 1] = np.nan
    made = Examples(random.integers(0, 256, (24, *IMAGE, 3), dtype=np.uint8), targets, ("a", "b", "c"))
    training = WorldFeaturesTraining(steps=STEPS, batch=4)
    train_world_features(made, made, WorldFeaturesConfig(width=4, training=training), session)


TRAININGS: dict[str, Callable[[Session], None]] = {
    "compact": compact,
    "published": published,
    "decoder": decoder,
    **{name: lambda session, name=name: predictor(name, session) for name in ("flow", "gmm", "state")},
    "features": features,
}


def end_state(folder: Path) -> dict[str, Any]:
    """The state that a training kept at its end, in its last phase: all weights, optimiser, random states and the log,
    without the numbers of the clock."""
    phase = folder / "dynamics" if (folder / "dynamics").is_dir() else folder
    place = phase / f"step-{STEPS:09d}"
    state = read_state(place)
    rows = state["parts"]["log"]["rows"]
    state["parts"]["log"]["rows"] = [{k: v for k, v in row.items() if k not in CLOCK} for row in rows]
    del state["parts"]["pace"]
    return state


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two nested states are not the same to the bit."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differences(one[key], other[key], f"{path}.{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for i, (a, b) in pairs for found in differences(a, b, f"{path}.{i}")]
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if torch.equal(one, other) else [path]
    return [] if one == other else [path]
