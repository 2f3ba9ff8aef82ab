"""Train the Midway Network on the frames of stage 01."""

import shutil
from pathlib import Path

from lamo.clips.quarantine import refuse_quarantined
from lamo.midway.config import MidwayConfig
from lamo.midway.training import train_midway
from lamo.stores.frames import open_frames
from lamo.stores.windows import ShardArray
from lamo.training.device import pick_device
from lamo.training.loop import TrainingLog
from lamo.training.seed import seed_everything
from lamo.workflow.job import job, use_threads


def read(stores, manifests):
    return [ShardArray(store.frames, store.offsets) for store in open_frames(stores, manifests)]


def main(files, output, params, resources):
    refuse_quarantined(files.clips, params.max_quarantined_share, Path(files.clips[0]).parents[2])
    folder = Path(output.model).parent
    # Not among the rule's outputs, which Snakemake removes when the job fails.
    last_good = folder / "last_good"
    seed_everything(params.seed)
    trained = train_midway(
        MidwayConfig.model_validate(params.midway),
        read(files.train, files.train_manifests),
        read(files.val, files.val_manifests),
        params.seed,
        pick_device(),
        params.rate_hz,
        last_good,
        workers=resources.get("loader_workers", 0),
    )
    trained.model.save(folder)
    trained.dynamics.write(output.log)
    (trained.pretraining or TrainingLog()).write(output.pretraining_log)
    if last_good.exists():
        shutil.rmtree(last_good)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params, snakemake.resources)
