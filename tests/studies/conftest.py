"""The finished run that studies of ablations stand on in tests; its models are not trained."""

import numpy as np
import pytest
import torch
import yaml
from ablation_cases import STUDY, TINY

from lamo.config import load_config
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.midway.extraction import extract_latents
from lamo.midway.network import Midway
from lamo.predictors.statistics import compute_statistics
from lamo.stores.frames import FramesStore, FramesWriter
from lamo.stores.latents import LatentsStore, LatentsWriter


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A working directory with the run tiny up to stage 04, of models as they are initialised."""
    directory = tmp_path_factory.mktemp("run")
    folder, config = directory / "results" / "tiny", load_config(TINY)
    torch.manual_seed(0)
    model = Midway(config.midway, (16, 32)).eval()
    model.save(folder / "02_midway")
    stores = {}
    for number, split in enumerate(("train", "val")):
        frames, latents = folder / "01_frames" / "frames" / split, folder / "03_latents" / "latents" / split
        frames.mkdir(parents=True)
        latents.mkdir(parents=True)
        with FramesWriter(frames / "0.zarr", frames / "0.manifest.json", 16, 32) as writer:
            for clip in "ab":
                strip = np.random.default_rng([number, ord(clip)]).integers(0, 256, (16, 80, 3))
                moving = np.stack([strip[:, 2 * t : 2 * t + 32] for t in range(16)]).astype(np.uint8)
                writer.add_clip(clip, moving, np.arange(16) / 5)
        with LatentsWriter(
            latents / "0.zarr", latents / "0.manifest.json", model.grid, config.latents.levels
        ) as writer:
            store = FramesStore(frames / "0.zarr", frames / "0.manifest.json")
            extract_latents(model, store, config.latents, writer, torch.device("cpu"))
        stores[split] = LatentsStore(latents / "0.zarr", latents / "0.manifest.json")
    compute_statistics([stores["train"]]).save(folder / "03_latents" / "statistics.safetensors")
    PixelDecoder(config.decoder, 12, (2, 4), 8).save(folder / "04_decoder")
    (directory / "tiny.yaml").write_text(yaml.safe_dump(TINY), encoding="utf-8")
    return directory


@pytest.fixture
def study(finished, tmp_path, monkeypatch):
    """study(groups...) -> its file; the finished run is the working directory."""
    monkeypatch.chdir(finished)

    def write(settings=STUDY, **changes):
        file = tmp_path / "study.yaml"
        file.write_text(yaml.safe_dump({**settings, **changes}), encoding="utf-8")
        return file

    return write
