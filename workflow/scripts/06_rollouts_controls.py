"""Roll the controls out from the same windows as the predictors, and keep the true frames of these windows."""

from pathlib import Path

from lamo.dataset.world_drives import ForkLabels
from lamo.jobs.job import job, use_threads
from lamo.rollout.autoregressive import Plan
from lamo.rollout.blur import fit_blur
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.controls import context_frames, roll_out_control, true_frames
from lamo.rollout.fork_windows import rollout_windows
from lamo.rollout.loading import load_models
from lamo.rollout.windows import ClipFrames, choose_windows, thin
from lamo.stores.frames import open_frames
from lamo.stores.rollouts import write_rollouts
from lamo.training.device import pick_device


def main(files, output, params):
    config = RolloutsConfig.model_validate(params.rollouts)
    steps, stride = max(config.horizon_steps(params.rate_hz)), config.stride_steps(params.rate_hz)
    plan = Plan(params.history, steps, config.samples, config.batch, config.seed, config.mixed_precision)
    clips = ClipFrames(open_frames(files.frames, files.manifests))
    labels = ForkLabels.read(files.forks)
    windows = rollout_windows(clips.lengths(), config, params.rate_hz, params.history, labels)
    write_rollouts(output.truth, output.truth_manifest, true_frames(clips, windows, plan))
    write_rollouts(output.context, output.context_manifest, context_frames(clips, windows, plan))
    train = ClipFrames(open_frames(files.train, files.train_manifests))
    fitted_on = thin(choose_windows(train.lengths(), plan.length, stride, config.windows_per_clip), config.blur_windows)
    sigmas = fit_blur(train, fitted_on, plan.history, steps, config.blur_sigmas, config.batch)
    folders = [Path(file).parent for file in (files.midway, files.decoder)]
    models = load_models(*folders, files.statistics, params.latents["levels"], pick_device())
    for store, manifest in zip(output.stores, output.control_manifests, strict=True):
        write_rollouts(store, manifest, roll_out_control(Path(store).stem, models, clips, windows, plan, sigmas))


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
