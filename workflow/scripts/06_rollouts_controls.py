"""Roll the controls out from the same windows as the predictors, and keep the true frames of these windows."""

from pathlib import Path

from lamo.dataset.world_drives import ForkLabels
from lamo.jobs.job import job, use_threads
from lamo.rollout.autoregressive import Plan
from lamo.rollout.blur import fit_blur
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.control_names import CONTROLS
from lamo.rollout.controls import context_frames, roll_out_control, true_frames
from lamo.rollout.fork_windows import rollout_windows
from lamo.rollout.loading import load_models
from lamo.rollout.windows import ClipFrames, choose_windows, single_windows, thin
from lamo.stores.frames import open_frames
from lamo.stores.rollouts import write_rollouts
from lamo.training.device import pick_device


def main(files, output, params):
    config = RolloutsConfig.model_validate(params.rollouts)
    steps, stride = max(config.horizon_steps(params.rate_hz)), config.stride_steps(params.rate_hz)
    plan = Plan(params.history, steps, config.samples, config.batch, config.seed, config.mixed_precision)
    clips = ClipFrames(open_frames(files.frames, files.manifests))
    lengths, labels = clips.lengths(), ForkLabels.read(files.forks)
    windows = rollout_windows(lengths, config, params.rate_hz, params.history, labels)
    turns = (single_windows(lengths, plan.length, config.single_windows, turn) for turn in range(params.turns))
    many = [window for turn in turns for window in turn]
    write_rollouts(output.truth, output.truth_manifest, true_frames(clips, windows, plan))
    write_rollouts(output.single_truth, output.single_truth_manifest, true_frames(clips, many, plan))
    write_rollouts(output.context, output.context_manifest, context_frames(clips, windows, plan))
    train = ClipFrames(open_frames(files.train, files.train_manifests))
    fitted_on = thin(choose_windows(train.lengths(), plan.length, stride, config.windows_per_clip), config.blur_windows)
    sigmas = fit_blur(train, fitted_on, plan.history, steps, config.blur_sigmas, config.batch)
    folders = [Path(file).parent for file in (files.midway, files.decoder)]
    models = load_models(*folders, files.statistics, params.latents["levels"], pick_device())
    several = zip(output.several, output.several_manifests, strict=True)
    single = zip(output.single, output.single_manifests, strict=True)
    for stores, chosen in ((several, windows), (single, many)):
        for name, (store, manifest) in zip(CONTROLS, stores, strict=True):
            write_rollouts(store, manifest, roll_out_control(name, models, clips, chosen, plan, sigmas))


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
