"""Read the info files of the videos: one row per clip."""

import logging

import pandas as pd

from lamo.clips.bdd_info import info_table
from lamo.clips.companions import INFO_ENDINGS, match
from lamo.clips.summary import companion_facts
from lamo.clips.tables import write_table
from lamo.stores.atomic import write_json
from lamo.workflow.job import job


def main(files, output, params, threads):
    found = pd.read_parquet(files.found)
    companions = match(found["path"], params.folder, INFO_ENDINGS)
    table = info_table(found, companions, threads)
    write_table(output.table, table)
    write_json(output.facts, companion_facts(params.folder, found, companions))
    counts = table.group_by("info_status").aggregate([("id", "count")]).to_pylist()
    text = ", ".join(f"{row['id_count']} {row['info_status']}" for row in counts)
    log = logging.getLogger("lamo")
    log.info("info files of clips: %s; %d files belong to no video", text, len(companions.extra))


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params, snakemake.threads)
