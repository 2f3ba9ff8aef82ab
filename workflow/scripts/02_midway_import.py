"""Import the Midway Network from a published checkpoint or from another run."""

from pathlib import Path

from lamo.midway.config import MidwayConfig
from lamo.midway.importing import import_checkpoint
from lamo.workflow import job, use_threads


def main(output, params):
    config = MidwayConfig.model_validate(params.midway)
    model = import_checkpoint(config, tuple(params.image), params.levels)
    model.save(Path(output.model).parent)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.output, snakemake.params)
