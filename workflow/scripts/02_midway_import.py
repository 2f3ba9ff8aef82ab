"""Import the Midway Network from a published checkpoint or from another run."""

from pathlib import Path

from lamo.dataset.quarantine import refuse_quarantined
from lamo.jobs.job import job
from lamo.jobs.launch import handed_over
from lamo.midway.checkpoint.importing import import_checkpoint
from lamo.midway.config import MidwayConfig
from lamo.stores.frames import open_frames
from lamo.stores.windows import ShardArray
from lamo.training.seed import seed_everything
from lamo.training.session import training_session


def main(files, output, params, session):
    if files.clips:
        refuse_quarantined(files.clips, params.max_quarantined_share, Path(files.clips[0]).parents[2])
    config = MidwayConfig.model_validate(params.midway)
    seed_everything(params.seed)
    stores = open_frames(files.train, files.train_manifests) if files.train else []
    frames = [ShardArray(store.frames, store.offsets) for store in stores]
    model = import_checkpoint(config, tuple(params.image), params.levels, frames, params.seed, session)
    if session.processes.main:
        model.save(Path(output.model).parent)


with job(snakemake) as this:
    if not handed_over(snakemake.resources, snakemake.threads):
        with training_session(snakemake.resources, snakemake.threads, this.folder_for_checkpoints, this.key) as session:
            main(snakemake.input, snakemake.output, snakemake.params, session)
