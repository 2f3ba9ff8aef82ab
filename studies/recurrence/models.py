"""Frames, and the models that variants share: each is trained once and kept by what it depends on."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from lamo.decoder.config import DecoderConfig
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.decoder.training import DecoderData, train_decoder
from lamo.errors import LamoError
from lamo.images import to_input
from lamo.midway.config import MidwayConfig
from lamo.midway.encoder import Encoder
from lamo.midway.learning.pretraining import pretrain_encoder
from lamo.midway.learning.training import train_midway
from lamo.midway.network import Midway, Role
from lamo.midway.state import state_tokens
from lamo.rollout.windows import ClipFrames
from lamo.stores.atomic import read_json, write_json
from lamo.stores.frames import FramesStore, open_frames
from lamo.stores.windows import ShardArray, Windows
from lamo.training.device import mixed_precision
from lamo.training.model_files import load_weights, save_model
from lamo.training.seed import seed_everything
from lamo.training.session import Session
from studies.common import key_of

LEVELS = (0,)
FACTS = "facts.json"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Data:
    """The frames of a run: training and held-out clips, and a key that changes with any of them."""

    name: str
    train: list[ShardArray]
    held_out: list[ShardArray]
    train_clips: ClipFrames
    held_out_clips: ClipFrames
    key: str


@dataclass(frozen=True)
class Trained:
    """A trained network, the key of what its teacher features depend on, minutes of training and frames seen."""

    model: Midway
    key: str
    minutes: float
    samples: int


def open_data(name: str, folder: str | Path) -> Data:
    """The frame stores below `folder`, the 01_frames of a run."""
    folder, stores = Path(folder), {}
    texts = []
    for split in ("train", "val"):
        manifests = sorted((folder / "frames" / split).glob("*.manifest.json"))
        if not manifests:
            raise LamoError(
                f"{folder}: found no frames/{split}/*.manifest.json, expected the frames of a run (stage 01)"
            )
        texts += [file.read_text(encoding="utf-8") for file in manifests]
        paths = [str(file).replace(".manifest.json", ".zarr") for file in manifests]
        stores[split] = [store for store in open_frames(paths, [str(file) for file in manifests]) if len(store)]
    train, held_out = (_in_memory(stores[split]) for split in ("train", "val"))
    return Data(name, train, held_out, ClipFrames(stores["train"]), ClipFrames(stores["val"]), key_of(texts))


def _in_memory(stores: list[FramesStore]) -> list[ShardArray]:
    return [ShardArray(store.frames[:], store.offsets) for store in stores]


class Models:
    """Trains on `data` (frames `rate_hz` per second) with `seed` what is not yet in the folder `cache`."""

    def __init__(self, cache: Path, data: Data, rate_hz: float, seed: int, device: torch.device) -> None:
        self.cache, self.data, self.rate_hz, self.seed, self.device = cache, data, rate_hz, seed, device

    def midway(self, config: MidwayConfig) -> Trained:
        """The network that `config` trains."""
        settings = config.model_dump(mode="json", by_alias=True)
        key = key_of([self.data.key, self.rate_hz, self.seed, settings])
        facts = self._once("midway", key, lambda folder: self._train_midway(config, folder))
        model = Midway.load(self._folder("midway", key)).to(self.device)
        frozen = bool(config.training.pretraining.steps)
        return Trained(model, self._encoder_key(config) if frozen else key, facts["minutes"], facts["samples"])

    def _train_midway(self, config: MidwayConfig, folder: Path) -> dict[str, Any]:
        encoder, minutes = None, 0.0
        if config.training.pretraining.steps:
            key = self._encoder_key(config)
            minutes = self._once("encoder", key, lambda one: self._pretrain(config, one))["minutes"]
            encoder = Encoder(config.encoder, self.data.train[0].array.shape[1:3])
            load_weights(self._folder("encoder", key), encoder)
        seed_everything(self.seed)
        begin = time.perf_counter()
        splits = self.data.train, self.data.held_out
        trained = train_midway(config, *splits, self.seed, Session(self.device), self.rate_hz, encoder=encoder)
        minutes += (time.perf_counter() - begin) / 60
        trained.model.save(folder)
        trained.dynamics.write(folder / "log.parquet")
        samples = max(filter(None, pq.read_table(folder / "log.parquet")["samples"].to_pylist()))
        return {"minutes": minutes, "samples": int(samples)}

    def _encoder_key(self, config: MidwayConfig) -> str:
        training = config.training
        parts = [config.encoder.model_dump(mode="json"), training.pretraining.model_dump(mode="json")]
        return key_of([self.data.key, self.seed, *parts, training.mixed_precision])

    def _pretrain(self, config: MidwayConfig, folder: Path) -> dict[str, Any]:
        seed_everything(self.seed)
        encoder = Encoder(config.encoder, self.data.train[0].array.shape[1:3]).to(self.device)
        training, begin = config.training, time.perf_counter()
        pretrain_encoder(
            encoder,
            Windows(self.data.train, 1),
            training.pretraining,
            self.seed,
            Session(self.device),
            training.mixed_precision,
        )
        save_model(folder, encoder, {"encoder": config.encoder.model_dump(mode="json")})
        return {"minutes": (time.perf_counter() - begin) / 60}

    def decoder(self, trained: Trained, role: Role, config: DecoderConfig) -> PixelDecoder:
        """The decoder of true states by the encoder `role` of a trained network."""
        joint = any(not torch.equal(a, b) for a, b in zip(
            trained.model.student.state_dict().values(), trained.model.teacher.state_dict().values(), strict=True
        ))  # fmt: skip
        parts = [trained.key, role if joint else "either", list(LEVELS), config.model_dump(mode="json")]
        key = key_of([self.data.key, self.seed, *parts])
        self._once("decoder", key, lambda folder: self._train_decoder(trained.model, role, config, folder))
        return PixelDecoder.load(self._folder("decoder", key)).to(self.device)

    def _train_decoder(self, model: Midway, role: Role, config: DecoderConfig, folder: Path) -> dict[str, Any]:
        seed_everything(self.seed)
        splits = (
            DecoderData(frames, [encode_states(model, shard, role, self.device) for shard in frames])
            for frames in (self.data.train, self.data.held_out)
        )
        begin = time.perf_counter()
        decoder, log = train_decoder(config, *splits, model.grid, self.seed, Session(self.device))
        decoder.save(folder)
        log.write(folder / "log.parquet")
        return {"minutes": (time.perf_counter() - begin) / 60}

    def _folder(self, kind: str, key: str) -> Path:
        return self.cache / f"{kind}-{key}"

    def _once(self, kind: str, key: str, make: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """The facts about a model, which `make` trains into its folder unless it is there; the facts come last."""
        folder = self._folder(kind, key)
        if not (folder / FACTS).exists():
            logger.info("%s, seed %d: training %s", self.data.name, self.seed, folder.name)
            write_json(folder / FACTS, make(folder))
        return read_json(folder / FACTS)


@torch.no_grad()
def encode_states(model: Midway, frames: ShardArray, role: Role, device: torch.device) -> ShardArray:
    """States float16 [N, P, D_z] of frames uint8 [N, H, W, 3]."""
    states = []
    for begin in range(0, len(frames.array), 64):
        with mixed_precision(device):
            z = model.encode(to_input(frames.array[begin : begin + 64], device), role)
        states.append(state_tokens(z, LEVELS).float().cpu().numpy().astype(np.float16))
    return ShardArray(np.concatenate(states), frames.offsets)
