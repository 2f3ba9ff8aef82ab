"""Swap one group of motion tokens at a time for those of another clip and show which patches of the next frame move."""

from pathlib import Path

from lamo.jobs.job import job, use_threads
from lamo.metrics.config import BootstrapConfig
from lamo.probing.clip_sample import open_enough
from lamo.probing.token_groups import swap_groups, swap_windows
from lamo.report.token_groups_figure import measure_all, token_groups_csv, token_groups_figure
from lamo.rollout.loading import load_models
from lamo.rollout.windows import ClipFrames
from lamo.stores.atomic import replacing
from lamo.stores.frames import FramesStore
from lamo.training.device import pick_device


def main(files, output, params):
    shards = zip(files.frames, files.manifests, strict=True)
    clips = ClipFrames(open_enough((FramesStore(*shard) for shard in shards), params.groups["windows"]))
    folders = [Path(file).parent for file in (files.midway, files.decoder)]
    models = load_models(*folders, files.statistics, params.latents["levels"], pick_device())
    swaps = swap_groups(models, clips, swap_windows(clips, params.groups["windows"]))
    measured = measure_all(swaps, BootstrapConfig.model_validate(params.bootstrap))
    with replacing(output.csv) as temporary:
        temporary.write_text(token_groups_csv(swaps, measured), encoding="utf-8")
    token_groups_figure(output.figure, swaps, measured)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
