"""Roll one trained predictor out with one sampler: several futures of some windows of held-out clips, one of many."""

from dataclasses import replace
from pathlib import Path

from lamo.dataset.world_drives import ForkLabels
from lamo.jobs.job import job, use_threads
from lamo.predictors.build import load_predictor, load_sampler
from lamo.rollout.autoregressive import Plan, roll_out
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.fork_windows import rollout_windows
from lamo.rollout.likelihood import likelihood
from lamo.rollout.loading import load_models
from lamo.rollout.windows import ClipFrames, single_windows
from lamo.stores.frames import open_frames
from lamo.stores.rollouts import write_rollouts
from lamo.training.device import pick_device


def main(files, output, params, entry, label):
    config, device = RolloutsConfig.model_validate(params.rollouts), pick_device()
    horizons = config.horizon_steps(params.rate_hz)
    plan = Plan(params.history, max(horizons), config.samples, config.batch, config.seed, config.mixed_precision)
    clips = ClipFrames(open_frames(files.frames, files.manifests))
    lengths, labels = clips.lengths(), ForkLabels.read(files.forks)
    windows = rollout_windows(lengths, config, params.rate_hz, params.history, labels)
    many = single_windows(lengths, plan.length, config.single_windows, params.turn)
    folders = [Path(file).parent for file in (files.midway, files.decoder)]
    stepping = Path(files.stepping[0]).parent if files.stepping else None
    models = load_models(*folders, files.statistics, params.latents["levels"], device, stepping)
    folder = Path(files.predictor).parent
    predictor = load_predictor(folder).to(device)
    sampler = load_sampler(folder, entry, label)
    rollouts = roll_out(models, predictor, sampler, clips, windows, plan)
    nll = likelihood(models, predictor, sampler, clips, windows, plan, horizons)
    write_rollouts(output.store, output.manifest, replace(rollouts, likelihood=nll))
    single = roll_out(models, predictor, sampler, clips, many, replace(plan, samples=1))
    write_rollouts(output.single, output.single_manifest, single)


with job(snakemake):
    use_threads(snakemake.threads)
    names = snakemake.wildcards
    main(snakemake.input, snakemake.output, snakemake.params, names.predictor, names.sampler)
