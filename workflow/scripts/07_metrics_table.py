"""Write the table of metrics as CSV, Markdown, LaTeX and plain text."""

from pathlib import Path

import pyarrow.parquet as pq

from lamo.jobs.job import job
from lamo.metrics.long_form import Scores
from lamo.metrics.motion_check import motion_checks
from lamo.midway.published import describe
from lamo.midway.saved import read_saved
from lamo.report.tables import (
    check_text,
    make_grid,
    make_samples_grid,
    table_csv,
    table_latex,
    table_markdown,
    table_text,
)
from lamo.stores.atomic import read_json, replacing


def main(files, output, params, run_id):
    facts = read_json(files.facts)
    values, replicates, summary = (pq.read_table(file) for file in (files.values, files.replicates, files.summary))
    scores = Scores.read(values, replicates, summary, facts)
    midway = read_saved(Path(files.midway).parent)
    run = f"{params.run} (run id {run_id})"
    grid = make_grid(scores, params.horizons_s, run, describe(midway.config, midway.training))
    bootstrap = params.bootstrap
    checks = motion_checks(values, params.horizons_s, bootstrap["resamples"])
    texts = {
        output.csv: table_csv(summary, params.horizons_s),
        output.markdown: table_markdown(grid) + f"\n```\n{check_text(checks)}```\n",
        output.latex: table_latex(grid),
        output.text: table_text(grid) + "\n" + check_text(checks),
        output.samples: table_markdown(make_samples_grid(scores, params.horizons_s, run)),
    }
    for path, text in texts.items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


with job(snakemake) as this:
    main(snakemake.input, snakemake.output, snakemake.params, this.key)
