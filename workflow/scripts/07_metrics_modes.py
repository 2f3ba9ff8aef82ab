"""Write which way the futures of each row go at forks of the synthetic world, as CSV and Markdown."""

from pathlib import Path

import pandas as pd

from lamo.dataset.world_drives import ForkLabels, WorldDrives
from lamo.jobs.job import job
from lamo.metrics.modes import find_forks, measure_modes
from lamo.report.modes_table import modes_csv, modes_markdown
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.ideal_futures import Branching
from lamo.stores.atomic import replacing
from lamo.stores.rollouts import read_rollouts, read_windows
from lamo.video.config import FramesConfig
from lamo.world.simulation import WorldConfig


def sets(files, rollouts):
    for store, manifest in zip(files.controls, files.control_manifests, strict=True):
        yield Path(store).stem, "-", None, read_rollouts(store, manifest)
    for names, store, manifest in zip(rollouts, files.predicted, files.predicted_manifests, strict=True):
        yield *names, read_rollouts(store, manifest)


def main(files, output, params, run_id):
    config, frames = RolloutsConfig.model_validate(params.rollouts), FramesConfig.model_validate(params.frames)
    world, drives = WorldConfig.model_validate(params.world), WorldDrives(pd.read_parquet(files.forks[0]))
    branching = Branching(world, drives, frames, params.history, max(config.horizon_steps(frames.rate_hz)))
    forks = find_forks(read_windows(files.truth, files.truth_manifest), branching, ForkLabels.read(files.forks))
    found = measure_modes(forks, sets(files, params.rows), params.bootstrap["resamples"])
    run = f"{params.run} (run id {run_id})"
    for path, text in ((output.csv, modes_csv(found)), (output.markdown, modes_markdown(found, run))):
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


with job(snakemake) as this:
    main(snakemake.input, snakemake.output, snakemake.params, this.key)
