"""List the videos and assign each to a split and a shard."""

import logging
from pathlib import Path

import pandas as pd

from lamo.dataset.config import VideosConfig
from lamo.dataset.copies import copies_of, sentence
from lamo.dataset.discover import find_videos, unused_videos
from lamo.dataset.fingerprints import fingerprints
from lamo.jobs.job import job
from lamo.stores.atomic import replacing


def main(files, output, params):
    config, log = VideosConfig.model_validate(params.videos), logging.getLogger("lamo")
    if params.listed is None:
        found = find_videos(config, Path(files[0]).parents[1], params.shards, fingerprints)
    else:  # when the workflow was started, as the jobs that decode know them
        found = pd.read_parquet(params.listed)
        if copies := copies_of(found):
            log.info("%s", sentence(copies))
    with replacing(output) as temporary:
        found.to_parquet(temporary, index=False)
    log.info("clips found: %s", ", ".join(f"{count} {split}" for split, count in found["split"].value_counts().items()))
    for folder, count in unused_videos(config).items():
        log.info("%s: %d videos that are not used; videos.split: folders uses train and val", folder, count)


with job(snakemake):
    main(snakemake.input, snakemake.output[0], snakemake.params)
