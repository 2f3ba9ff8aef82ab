"""Train the feature network that stands in for Inception on true frames of the synthetic world."""

from pathlib import Path

from lamo.jobs.job import job
from lamo.jobs.launch import handed_over
from lamo.metrics.config import WorldFeaturesConfig
from lamo.metrics.features.examples import render_examples
from lamo.metrics.features.world import train_world_features
from lamo.training.session import training_session
from lamo.world.simulation import WorldConfig


def main(output, params, session):
    config, world = WorldFeaturesConfig.model_validate(params.features), WorldConfig.model_validate(params.world)
    examples = render_examples(world, config, "train", *params.size)
    held_out = render_examples(world, config, "held_out", *params.size)
    features, log = train_world_features(examples, held_out, config, session)
    if session.processes.main:
        features.save(Path(output.model).parent)
        log.write(output.log)


with job(snakemake) as this:
    if not handed_over(snakemake.resources, snakemake.threads):
        with training_session(snakemake.resources, snakemake.threads, this) as session:
            main(snakemake.output, snakemake.params, session)
