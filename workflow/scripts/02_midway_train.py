"""Train the Midway Network on the frames of stage 01."""

from pathlib import Path

from lamo.dataset.quarantine import refuse_quarantined
from lamo.jobs.job import job
from lamo.jobs.launch import handed_over
from lamo.midway.config import MidwayConfig
from lamo.midway.learning.training import train_midway
from lamo.stores.frames import open_frames
from lamo.stores.windows import ShardArray
from lamo.training.loop import TrainingLog
from lamo.training.seed import seed_everything
from lamo.training.session import training_session


def read(stores, manifests):
    return [ShardArray(store.frames, store.offsets) for store in open_frames(stores, manifests)]


def main(files, output, params, session):
    refuse_quarantined(files.clips, params.max_quarantined_share, Path(files.clips[0]).parents[2])
    seed_everything(params.seed)
    trained = train_midway(
        MidwayConfig.model_validate(params.midway),
        read(files.train, files.train_manifests),
        read(files.val, files.val_manifests),
        params.seed,
        session,
        params.rate_hz,
    )
    if session.processes.main:
        trained.model.save(Path(output.model).parent)
        trained.dynamics.write(output.log)
        (trained.pretraining or TrainingLog()).write(output.pretraining_log)


with job(snakemake) as this:
    if not handed_over(snakemake.resources, snakemake.threads):
        with training_session(snakemake.resources, snakemake.threads, this) as session:
            main(snakemake.input, snakemake.output, snakemake.params, session)
