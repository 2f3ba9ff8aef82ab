"""Draw the futures of windows shortly before a fork side by side: true ones beside those of each row."""

from lamo.dataset.world_drives import ForkLabels
from lamo.jobs.job import job
from lamo.metrics.config import SheetConfig
from lamo.report.fork_sheet import brightest, fork_sheet
from lamo.rollout.control_names import IDEAL
from lamo.rollout.fork_windows import groups_of
from lamo.stores.rollouts import read_rollouts


def main(files, output, params):
    sheet = SheetConfig.model_validate(params.sheet)
    stores = dict(zip(params.predicted, zip(files.predicted, files.predicted_manifests, strict=True), strict=True))
    stores |= dict(zip(params.controls, zip(files.controls, files.control_manifests, strict=True), strict=True))
    names = [name for name in dict.fromkeys((IDEAL, *sheet.rows)) if name in stores]
    rows = {name: read_rollouts(*stores[name]).frames for name in names}
    context = read_rollouts(files.context, files.context_manifest).frames[:, 0]
    true = read_rollouts(files.truth, files.truth_manifest)
    chosen = brightest(context, groups_of(true.windows, params.history, params.rate_hz, ForkLabels.read(files.forks)))
    horizon = true.frames.shape[2] / params.rate_hz
    fork_sheet(output.sheet, context, true.frames[:, 0], rows, chosen, horizon, sheet.tile_width)


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params)
