"""Import the Midway Network from a published checkpoint or from another run."""

from pathlib import Path

from lamo.jobs.job import job
from lamo.midway.config import MidwayConfig
from lamo.midway.upstream.importing import import_checkpoint


def main(output, params):
    config = MidwayConfig.model_validate(params.midway)
    model = import_checkpoint(config, tuple(params.image))
    model.save(Path(output.model).parent)


with job(snakemake):
    main(snakemake.output, snakemake.params)
