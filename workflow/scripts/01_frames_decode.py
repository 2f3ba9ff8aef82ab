"""Decode the videos of one shard into a frames store."""

import pandas as pd

from lamo.dataset.fingerprints import check_unchanged
from lamo.dataset.schema import write_clips
from lamo.jobs.job import job
from lamo.video.config import FramesConfig
from lamo.video.shards import decode_shard


def main(files, output, params, split, shard):
    # Of all clips found; a list of a hundred thousand is no reason to hold it in every job.
    mine = pd.read_parquet(params.listed or files.found, filters=[("split", "==", split), ("shard", "==", shard)])
    config = FramesConfig.model_validate(params.frames)
    rows = decode_shard(mine, config, output.store, output.manifest, check_unchanged)
    write_clips(output.clips, rows)


with job(snakemake):
    place = snakemake.wildcards
    main(snakemake.input, snakemake.output, snakemake.params, place.split, int(place.shard))
