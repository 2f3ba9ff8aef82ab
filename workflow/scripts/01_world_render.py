"""Render the videos of one split of the synthetic driving world, in as many processes as there are threads."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd

from lamo.jobs.job import job
from lamo.stores.atomic import replacing, write_json
from lamo.stores.checksums import checksums
from lamo.world.simulation import WorldConfig
from lamo.world.write import part_of, render_world


def main(output, params, split, threads):
    config = WorldConfig.model_validate(params.world)
    # The rule declares <folder>/videos/<split>, the layout of BDD100K.
    render = partial(render_world, config, split, out_dir=Path(output.videos).parents[1])
    with ProcessPoolExecutor(threads) as processes:
        tables = list(processes.map(render, [part_of(config, split, part) for part in range(config.parts)]))
    labels = pd.concat(tables).sort_values(["clip", "frame"], ignore_index=True)
    with replacing(output.labels) as temporary:
        labels.to_parquet(temporary, index=False)
    write_json(output.manifest, {"files": checksums(output.videos)})


with job(snakemake):
    main(snakemake.output, snakemake.params, snakemake.wildcards.split, snakemake.threads)
