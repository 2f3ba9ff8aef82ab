"""Join the tables of stills of all shards: in words, as a table and as a sheet of pairs."""

import logging

from lamo.dataset.bdd100k.stills_sheet import stills_sheet
from lamo.dataset.bdd100k.stills_table import STILLS_SCHEMA, stills_summary
from lamo.dataset.frames_sheet import stores_by_shard
from lamo.dataset.tables import read_parts, write_table
from lamo.jobs.job import job
from lamo.stores.atomic import read_json, replacing


def main(files, output, params):
    table = read_parts(files.stills, STILLS_SCHEMA).sort_by([("split", "ascending"), ("id", "ascending")])
    stills, facts = table.to_pandas(), read_json(files.facts)
    write_table(output.table, table)
    with replacing(output.summary) as temporary:
        temporary.write_text(stills_summary(stills, facts, params.frames["rate_hz"]), encoding="utf-8")
    stills_sheet(output.sheet, stills, stores_by_shard(files.frames, files.manifests), params.frames["fit"])
    counts = stills["verdict"].value_counts()
    logging.getLogger("lamo").info("stills: %s", ", ".join(f"{n} {verdict}" for verdict, n in counts.items()))


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params)
