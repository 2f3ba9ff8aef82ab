"""Encode the frames of one shard into latent states and motion tokens."""

from pathlib import Path

from lamo.jobs.job import job, use_threads
from lamo.midway.extraction import extract_latents
from lamo.midway.network import Midway
from lamo.stores.config import LatentsConfig
from lamo.stores.frames import FramesStore
from lamo.stores.latents import LatentsWriter
from lamo.training.device import pick_device


def main(files, output, params):
    device = pick_device()
    model = Midway.load(Path(files.model).parent).to(device)
    frames = FramesStore(files.frames, files.frames_manifest)
    config = LatentsConfig.model_validate(params.latents)
    with LatentsWriter(output.store, output.manifest, model.grid, config.levels) as writer:
        extract_latents(model, frames, config, writer, device)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
