"""Compare the frames of one shard with the stills of its clips."""

from lamo.clips.stills_table import STILLS_SCHEMA, read_matched, stills_rows
from lamo.clips.tables import write_rows
from lamo.stores.frames import FramesStore
from lamo.workflow.job import job


def main(files, output, params, split, shard):
    store = FramesStore(files.frames, files.manifest)
    rows = stills_rows(read_matched(files.matched, split, shard), store, **params.frames)
    write_rows(output, rows, STILLS_SCHEMA)


with job(snakemake):
    place = snakemake.wildcards
    main(snakemake.input, snakemake.output[0], snakemake.params, place.split, int(place.shard))
