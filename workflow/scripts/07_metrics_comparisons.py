"""Write the differences between rows of the table, window by window, as CSV, Markdown and plain text."""

import pyarrow.parquet as pq

from lamo.jobs.job import job
from lamo.metrics.comparisons import compare
from lamo.report.comparisons_table import comparisons_csv, comparisons_markdown, comparisons_text
from lamo.stores.atomic import replacing


def main(files, output, params, run_id):
    values, replicates, bootstrap = pq.read_table(files.values), pq.read_table(files.replicates), params.bootstrap
    found, missing = compare(values, replicates, params.horizons_s, params.comparisons, bootstrap["resamples"])
    texts = {
        output.csv: comparisons_csv(found),
        output.markdown: comparisons_markdown(found, missing, f"{params.run} (run id {run_id})"),
        output.text: comparisons_text(found, missing),
    }
    for path, text in texts.items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


with job(snakemake) as this:
    main(snakemake.input, snakemake.output, snakemake.params, this.key)
