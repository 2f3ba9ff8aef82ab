"""Find the stills of the videos: one row per clip that has one."""

import logging

import pandas as pd

from lamo.dataset.bdd100k.stills_table import matched_table
from lamo.dataset.companions import STILL_ENDINGS, match
from lamo.dataset.summary import companion_facts
from lamo.dataset.tables import write_table
from lamo.jobs.job import job
from lamo.stores.atomic import write_json


def main(files, output, params):
    found = pd.read_parquet(files.found)
    companions = match(found["path"], params.folder, STILL_ENDINGS)
    table = matched_table(found, companions)
    write_table(output.table, table)
    write_json(output.facts, companion_facts(params.folder, found, companions))
    log = logging.getLogger("lamo")
    log.info("clips with a still: %d of %d; %d files belong to no video", len(table), len(found), len(companions.extra))


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params)
