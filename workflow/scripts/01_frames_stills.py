"""Compare the frames of one shard with the stills of its clips."""

import pandas as pd

from lamo.clips.companions import STILL_ENDINGS, match
from lamo.clips.stills_table import STILLS_SCHEMA, stills_rows
from lamo.clips.tables import write_rows
from lamo.stores.frames import FramesStore
from lamo.workflow import job


def main(files, output, params, split, shard):
    found = pd.read_parquet(params.listed)
    stills = match(found["path"], params.folder, STILL_ENDINGS).files
    mine = found[(found["split"] == split) & (found["shard"] == shard)]
    store = FramesStore(files.frames, files.manifest)
    write_rows(output, stills_rows(mine, stills, store, **params.frames), STILLS_SCHEMA)


with job(snakemake):
    place = snakemake.wildcards
    main(snakemake.input, snakemake.output[0], snakemake.params, place.split, int(place.shard))
