"""Draw the metrics against time and what every training logged."""

from pathlib import Path

import pyarrow.parquet as pq

from lamo.jobs.job import job
from lamo.report.figures import filled, loss_curves, metric_curves
from lamo.report.learning_curve import learning_curve
from lamo.report.looks_figure import looks_figure


def main(files, output):
    summary = pq.read_table(files.summary)
    metric_curves(output.metrics, summary)
    looks_figure(output.looks, summary)
    if files.midway:
        learning_curve(output.learning_curve, files.midway[0])
        loss_curves(output.midway, filled(dict(zip(("dynamics", "pretraining"), files.midway, strict=True))))
    loss_curves(output.decoder, {"decoder": files.decoder})
    names = ("/".join(Path(log).parts[-3:-1]) for log in files.predictors)
    loss_curves(output.predictors, dict(zip(names, files.predictors, strict=True)))


with job(snakemake):
    main(snakemake.input, snakemake.output)
