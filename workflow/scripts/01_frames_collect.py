"""Join the tables of all shards: one row per video found, decoded or quarantined with the reason."""

import logging

import pandas as pd

from lamo.video.clips import collect_clips
from lamo.workflow import job


def main(files, output, params):
    found = pd.read_parquet(files.found)
    clips = collect_clips(files.clips, found, output, params.max_quarantined_share)
    counts = clips.groupby(["split", "status"], observed=True).size()
    logging.getLogger("lamo").info("clips: %s", ", ".join(f"{n} {s} {k}" for (s, k), n in counts.items()))


with job(snakemake):
    main(snakemake.input, snakemake.output[0], snakemake.params)
