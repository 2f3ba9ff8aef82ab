"""Draw the contact sheet of decoded frames."""

from lamo.clips.frames_sheet import frames_sheet, stores_by_shard
from lamo.clips.schema import DECODED_SCHEMA
from lamo.clips.tables import read_parts
from lamo.workflow.job import job


def main(files, output):
    clips = read_parts(files.clips, DECODED_SCHEMA).to_pandas()
    frames_sheet(output, clips, stores_by_shard(files.frames, files.manifests))


with job(snakemake):
    main(snakemake.input, snakemake.output[0])
