"""Score all rollouts and controls against the truth."""

from pathlib import Path

import pyarrow.parquet as pq

from lamo.jobs.job import job, use_threads
from lamo.metrics.config import MetricsConfig
from lamo.metrics.features.inception import InceptionFeatures
from lamo.metrics.features.world import WorldFeatures
from lamo.metrics.scores import RolloutSet, score_rollouts
from lamo.stores.atomic import replacing, write_json
from lamo.stores.rollouts import read_rollouts
from lamo.training.device import pick_device


def sets(files, params):
    for (predictor, sampler, seed), store, manifest in zip(
        params.rollouts, files.predicted, files.predicted_manifests, strict=True
    ):
        yield RolloutSet(predictor, sampler, seed, read_rollouts(store, manifest))
    for store, manifest in zip(files.controls, files.control_manifests, strict=True):
        yield RolloutSet(Path(store).stem, "-", None, read_rollouts(store, manifest))


def main(files, output, params):
    config = MetricsConfig.model_validate(params.metrics)
    if config.fid.weights:
        extractor = InceptionFeatures(config.fid.weights, pick_device())
    else:
        extractor = WorldFeatures.load(Path(files.features[0]).parent)
    truth = read_rollouts(files.truth, files.truth_manifest)
    scores = score_rollouts(sets(files, params), truth, params.rate_hz, extractor, config)
    tables = {
        output.values: scores.values,
        output.replicates: scores.replicates,
        output.summary: scores.summary,
    }
    for path, table in tables.items():
        with replacing(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")
    facts = scores.facts() | {"features": extractor.description}
    write_json(output.facts, facts)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
