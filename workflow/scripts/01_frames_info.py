"""Read the info files of the videos: one row per clip."""

import logging

import pandas as pd

from lamo.dataset.bdd100k.info import info_table
from lamo.dataset.companions import INFO_ENDINGS, match
from lamo.dataset.summary import companion_facts
from lamo.dataset.tables import write_table
from lamo.jobs.job import job
from lamo.stores.atomic import write_json


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
