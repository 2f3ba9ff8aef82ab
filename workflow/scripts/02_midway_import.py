"""Import the Midway Network from a published checkpoint or from another run."""

from pathlib import Path

from lamo.clips.quarantine import refuse_quarantined
from lamo.midway.config import MidwayConfig
from lamo.midway.importing import import_checkpoint
from lamo.stores.frames import open_frames
from lamo.stores.windows import ShardArray
from lamo.training.device import pick_device
from lamo.training.seed import seed_everything
from lamo.workflow.job import job, use_threads


def main(files, output, params):
    if files.clips:
        refuse_quarantined(files.clips, params.max_quarantined_share, Path(files.clips[0]).parents[2])
    config = MidwayConfig.model_validate(params.midway)
    seed_everything(params.seed)
    stores = open_frames(files.train, files.train_manifests) if files.train else []
    frames = [ShardArray(store.frames, store.offsets) for store in stores]
    model = import_checkpoint(config, tuple(params.image), params.levels, frames, params.seed, pick_device())
    model.save(Path(output.model).parent)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
