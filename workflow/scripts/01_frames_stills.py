"""Compare the frames of one shard with the stills of its clips."""

from lamo.dataset.bdd100k.stills_table import STILLS_SCHEMA, read_matched, stills_rows
from lamo.dataset.tables import write_rows
from lamo.jobs.job import job
from lamo.stores.frames import FramesStore


def main(files, output, params, split, shard):
    store = FramesStore(files.frames, files.manifest)
    rows = stills_rows(read_matched(files.matched, split, shard), store, **params.frames)
    write_rows(output, rows, STILLS_SCHEMA)


with job(snakemake):
    place = snakemake.wildcards
    main(snakemake.input, snakemake.output[0], snakemake.params, place.split, int(place.shard))
