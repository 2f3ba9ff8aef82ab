"""Join the tables of all shards: one row per video found, decoded or quarantined with the reason."""

import logging

import pandas as pd

from lamo.dataset.copies import copies_of
from lamo.dataset.summary import clips_summary
from lamo.dataset.table import join_clips, with_paths_of, write_clips_table
from lamo.jobs.job import job
from lamo.stores.atomic import read_json


def main(files, output, params):
    found = pd.read_parquet(files.found)
    table = with_paths_of(found, join_clips(files.clips, *files.info[:1]))
    clips = table.to_pandas()
    info = read_json(files.info[1]) if files.info else None
    stills = read_json(files.stills[0]) if files.stills else None
    summary = clips_summary(clips, params.rate_hz, info, stills, copies_of(found), params.folders)
    write_clips_table(output.table, table, summary, found, params.max_quarantined_share)
    counts = clips.groupby(["split", "status"], observed=True).size()
    logging.getLogger("lamo").info("clips: %s", ", ".join(f"{n} {s} {k}" for (s, k), n in counts.items()))


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params)
