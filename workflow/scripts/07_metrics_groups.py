"""Write the means of the table's rows over groups of windows, by forks or by folder, as CSV and Markdown."""

import pyarrow.parquet as pq

from lamo.dataset.world_drives import ForkLabels
from lamo.jobs.job import job
from lamo.metrics.groups import BY_FOLDER, BY_FORK, folders_of, group_means
from lamo.report.groups_table import groups_csv, groups_markdown
from lamo.rollout.fork_windows import groups_of
from lamo.stores.atomic import replacing
from lamo.stores.rollouts import read_windows


def main(files, output, params, run_id):
    windows = read_windows(files.truth, files.truth_manifest)
    if params.folders:
        grouping, groups = BY_FOLDER, folders_of(windows, params.folders)
    else:
        grouping, groups = BY_FORK, groups_of(windows, params.history, params.rate_hz, ForkLabels.read(files.forks))
    tables = pq.read_table(files.values), pq.read_table(files.replicates)
    by_window = dict(zip(windows, groups, strict=True))
    found = group_means(*tables, by_window, params.horizons_s, params.bootstrap["resamples"])
    run = f"{params.run} (run id {run_id})"
    for path, text in ((output.csv, groups_csv(found)), (output.markdown, groups_markdown(found, run, grouping))):
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


with job(snakemake) as this:
    main(snakemake.input, snakemake.output, snakemake.params, this.key)
