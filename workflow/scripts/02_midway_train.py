"""Train the Midway Network on the frames of stage 01."""

from pathlib import Path

from lamo.midway.config import MidwayConfig
from lamo.midway.training import train_midway
from lamo.stores.frames import open_frames
from lamo.stores.windows import ShardArray
from lamo.training.device import pick_device
from lamo.training.loop import TrainingLog
from lamo.training.seed import seed_everything
from lamo.workflow import job, use_threads


def read(stores, manifests):
    return [ShardArray(store.frames, store.offsets) for store in open_frames(stores, manifests)]


def main(files, output, params):
    seed_everything(params.seed)
    trained = train_midway(
        MidwayConfig.model_validate(params.midway),
        read(files.train, files.train_manifests),
        read(files.val, files.val_manifests),
        params.seed,
        pick_device(),
    )
    trained.model.save(Path(output.model).parent)
    trained.dynamics.write(output.log)
    (trained.pretraining or TrainingLog()).write(output.pretraining_log)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
