"""Render other true futures of the same windows of the synthetic world, for the floor of every energy score."""

import pandas as pd

from lamo.dataset.world_drives import WorldDrives
from lamo.jobs.job import job
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.ideal_futures import Branching, ideal_futures
from lamo.stores.rollouts import read_windows, write_rollouts
from lamo.video.config import FramesConfig
from lamo.world.simulation import WorldConfig


def main(files, output, params):
    config, frames = RolloutsConfig.model_validate(params.rollouts), FramesConfig.model_validate(params.frames)
    world, drives = WorldConfig.model_validate(params.world), WorldDrives(pd.read_parquet(files.found))
    branching = Branching(world, drives, frames, params.history, max(config.horizon_steps(frames.rate_hz)))
    windows = read_windows(files.truth, files.truth_manifest)
    write_rollouts(output.store, output.manifest, ideal_futures(windows, branching, config.samples))
    many = read_windows(files.single_truth, files.single_truth_manifest)
    write_rollouts(output.single, output.single_manifest, ideal_futures(many, branching, 1))


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params)
