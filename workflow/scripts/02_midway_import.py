"""Import the Midway Network from a published checkpoint or from another run."""

from pathlib import Path

from lamo.jobs.job import job
from lamo.midway.checkpoint.importing import import_checkpoint
from lamo.midway.config import MidwayConfig


def main(output, params):
    config = MidwayConfig.model_validate(params.midway)
    model = import_checkpoint(config, tuple(params.image))
    model.save(Path(output.model).parent)


with job(snakemake):
    main(snakemake.output, snakemake.params)
