"""Draw the contact sheet of decoded frames."""

from lamo.dataset.frames_sheet import frames_sheet, stores_by_shard
from lamo.dataset.schema import DECODED_SCHEMA
from lamo.dataset.tables import read_parts
from lamo.jobs.job import job


def main(files, output):
    clips = read_parts(files.clips, DECODED_SCHEMA).to_pandas()
    frames_sheet(output, clips, stores_by_shard(files.frames, files.manifests))


with job(snakemake):
    main(snakemake.input, snakemake.output[0])
