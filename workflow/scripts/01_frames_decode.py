"""Decode the videos of one shard into a frames store."""

import pandas as pd

from lamo.video.clips import write_clips
from lamo.video.decode import FramesConfig, decode_shard
from lamo.workflow import job


def main(files, output, params, split, shard):
    found = pd.read_parquet(files.found)
    mine = found[(found["split"] == split) & (found["shard"] == shard)]
    config = FramesConfig.model_validate(params.frames)
    write_clips(output.clips, decode_shard(mine, config, params.min_frames, output.store, output.manifest))


with job(snakemake):
    place = snakemake.wildcards
    main(snakemake.input, snakemake.output, snakemake.params, place.split, int(place.shard))
