"""Score the rollouts of one row of the table, or of all controls, against the true frames."""

from pathlib import Path

from lamo.jobs.job import job, use_threads
from lamo.metrics.features.loading import load_clip_features, load_extractors
from lamo.metrics.perceptual import Lpips
from lamo.metrics.scored import write_scored
from lamo.metrics.scores import RolloutSet, score_row
from lamo.rollout.control_names import ORACLE
from lamo.stores.rollouts import read_rollouts
from lamo.training.device import pick_device


def sets(files, names):
    several = zip(files.several, files.several_manifests, strict=True)
    single = zip(files.single, files.single_manifests, strict=True)
    for name, *stores in zip(names, several, single, strict=True):
        yield RolloutSet(*name, *(read_rollouts(*store) for store in stores))


def oracle_of(files, names):
    """Store and manifest of the oracle's rollouts, which the job of the controls scores too."""
    if files.oracle:
        return files.oracle[0], files.oracle_manifest[0]
    place = [method for method, _, _ in names].index(ORACLE)
    return files.several[place], files.several_manifests[place]


def main(files, output, params):
    device = pick_device()
    extractors = load_extractors(params.inception, Path(files.features[0]).parent, device)
    lpips = Lpips(params.lpips, device) if params.lpips else None
    clips = load_clip_features(params.fvd, files.frames, files.manifests, params.observed, device)
    truth = read_rollouts(files.truth, files.truth_manifest)
    oracle = read_rollouts(*oracle_of(files, params.sets))
    rows = sets(files, params.sets)
    found = score_row(rows, truth, oracle, params.rate_hz, extractors, params.horizons_s, lpips, clips)
    write_scored(output.scores, found)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
