"""Train one predictor with one seed on latents and motion tokens."""

from pathlib import Path

from lamo.jobs.job import job
from lamo.jobs.launch import handed_over
from lamo.predictors.data import LatentWindows, geometry_of
from lamo.predictors.kinds import PredictorConfig
from lamo.predictors.statistics import Statistics
from lamo.predictors.train import train_predictor
from lamo.stores.latents import open_latents
from lamo.training.session import training_session


def main(files, output, params, session, seed, entry):
    config = PredictorConfig.model_validate(params.predictor)
    statistics = Statistics.load(files.statistics)
    train = open_latents(files.train, files.train_manifests)
    val = open_latents(files.val, files.val_manifests)
    train_predictor(
        config,
        geometry_of(train, config.history),
        LatentWindows(train, config.history, statistics),
        LatentWindows(val, config.history, statistics),
        seed,
        Path(output.model).parent,
        session,
        entry,
        rate_hz=params.rate_hz,
    )


with job(snakemake) as this:
    if not handed_over(snakemake.resources, snakemake.threads):
        with training_session(snakemake.resources, snakemake.threads, this) as session:
            names = snakemake.wildcards
            main(snakemake.input, snakemake.output, snakemake.params, session, int(names.seed), names.predictor)
