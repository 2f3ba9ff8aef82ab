"""How the camera really moved in each clip, from the world's labels or from a table of poses."""

import pandas as pd

from lamo.dataset.ego_motion import motion_of_drives, motion_of_poses
from lamo.dataset.poses import Poses
from lamo.dataset.schema import DECODED_SCHEMA
from lamo.dataset.tables import read_parts, write_table
from lamo.jobs.job import job


def main(files, output, params):
    found = pd.read_parquet(files.found)
    if files.poses:
        clips = read_parts(files.clips, DECODED_SCHEMA).to_pandas()
        table = motion_of_poses(Poses(files.poses), clips, found, params.root)
    else:
        table = motion_of_drives(files.labels, found)
    write_table(output[0], table)


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params)
