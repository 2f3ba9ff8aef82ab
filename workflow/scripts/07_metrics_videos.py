"""Draw the contact sheet and encode videos of rollouts: first sample of the first seed, beside the truth."""

from pathlib import Path

from lamo.jobs.job import job
from lamo.metrics.config import RolloutVideosConfig, SheetConfig
from lamo.report.sheet import choose_windows, contact_sheet
from lamo.report.videos import rollout_video
from lamo.stores.atomic import replacing
from lamo.stores.rollouts import read_rollouts


def first_samples(files, params, rows):
    stores = dict(zip(params.predicted, zip(files.predicted, files.predicted_manifests, strict=True), strict=True))
    stores |= dict(zip(params.controls, zip(files.controls, files.control_manifests, strict=True), strict=True))
    return {row: read_rollouts(*stores[row]).frames[:, 0] for row in rows if row in stores}


def main(files, output, params):
    sheet, videos = SheetConfig.model_validate(params.sheet), RolloutVideosConfig.model_validate(params.videos)
    rate = params.rate_hz
    context = read_rollouts(files.context, files.context_manifest).frames[:, 0]
    true = read_rollouts(files.truth, files.truth_manifest)
    windows, truth = true.windows, true.frames[:, 0]
    chosen = choose_windows(context, truth, windows, sheet.windows)
    shown = first_samples(files, params, sheet.rows)
    contact_sheet(output.sheet, context, truth, shown, windows, chosen, rate, sheet.tile_width)
    shown = first_samples(files, params, videos.rows)
    with replacing(output.videos) as folder:
        folder.mkdir()
        for number, w in enumerate(choose_windows(context, truth, windows, videos.number), start=1):
            tiles = {row: frames[w] for row, frames in shown.items()}
            rollout_video(Path(folder) / f"rollout-{number}.mp4", context[w], truth[w], tiles, rate, videos.tile_width)


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params)
