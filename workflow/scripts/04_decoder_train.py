"""Train the pixel decoder on true latents."""

from pathlib import Path

from lamo.decoder.config import DecoderConfig
from lamo.decoder.training import DecoderData, train_decoder
from lamo.jobs.job import job
from lamo.jobs.launch import handed_over
from lamo.stores.frames import open_frames
from lamo.stores.latents import open_latents
from lamo.stores.windows import ShardArray
from lamo.training.seed import seed_everything
from lamo.training.session import training_session


def read(files, split):
    frames = open_frames(files[f"{split}_frames"], files[f"{split}_frames_manifests"])
    latents = open_latents(files[f"{split}_latents"], files[f"{split}_latents_manifests"])
    data = DecoderData(
        [ShardArray(store.frames, store.offsets) for store in frames if len(store)],
        [ShardArray(store.state, store.offsets) for store in latents],
    )
    return data, latents[0].grid


def main(files, output, params, session):
    seed_everything(params.seed)
    train, grid = read(files, "train")
    held_out, _ = read(files, "val")
    decoder, log = train_decoder(
        DecoderConfig.model_validate(params.decoder),
        train,
        held_out,
        grid,
        params.seed,
        session,
    )
    if session.processes.main:
        decoder.save(Path(output.model).parent)
        log.write(output.log)


with job(snakemake) as this:
    if not handed_over(snakemake.resources, snakemake.threads):
        with training_session(snakemake.resources, snakemake.threads, this) as session:
            main(snakemake.input, snakemake.output, snakemake.params, session)
