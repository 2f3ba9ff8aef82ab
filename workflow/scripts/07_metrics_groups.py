"""Write the means of the table's rows over windows shortly before forks, and over all others, as CSV and Markdown."""

import pyarrow.parquet as pq

from lamo.dataset.world_drives import ForkLabels
from lamo.jobs.job import job
from lamo.metrics.groups import group_means
from lamo.report.groups_table import groups_csv, groups_markdown
from lamo.rollout.fork_windows import groups_of
from lamo.stores.atomic import replacing
from lamo.stores.rollouts import read_windows


def main(files, output, params, run_id):
    windows = read_windows(files.truth, files.truth_manifest)
    groups = groups_of(windows, params.history, params.rate_hz, ForkLabels.read(files.forks))
    tables = pq.read_table(files.values), pq.read_table(files.replicates)
    by_window = dict(zip(windows, groups, strict=True))
    found = group_means(*tables, by_window, params.horizons_s, params.bootstrap["resamples"])
    run = f"{params.run} (run id {run_id})"
    for path, text in ((output.csv, groups_csv(found)), (output.markdown, groups_markdown(found, run))):
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


with job(snakemake) as this:
    main(snakemake.input, snakemake.output, snakemake.params, this.key)
