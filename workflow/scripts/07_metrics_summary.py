"""Put the scores of all rows together: means, distances between distributions, and their intervals."""

from pathlib import Path

import pyarrow.parquet as pq

from lamo.jobs.job import job, use_threads
from lamo.metrics.config import BootstrapConfig
from lamo.metrics.features.loading import load_clip_features, load_extractors
from lamo.metrics.scored import read_scored
from lamo.metrics.summary import summarise
from lamo.stores.atomic import replacing, write_json
from lamo.stores.rollouts import read_rollouts, read_windows
from lamo.training.device import pick_device


def main(files, output, params):
    device = pick_device()
    extractors = load_extractors(params.inception, Path(files.features[0]).parent, device)
    clips = load_clip_features(params.fvd, files.frames, files.manifests, params.observed, device)
    scored = [one for file in files.scores for one in read_scored(file)]
    windows = read_windows(files.truth, files.truth_manifest)
    single = read_rollouts(files.single_truth, files.single_truth_manifest)
    bootstrap = BootstrapConfig.model_validate(params.bootstrap)
    scores = summarise(scored, windows, single, params.rate_hz, extractors, params.horizons_s, bootstrap, clips)
    tables = {output.values: scores.values, output.replicates: scores.replicates, output.summary: scores.summary}
    for path, table in tables.items():
        with replacing(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")
    write_json(output.facts, scores.facts())


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
