"""Train a trained predictor and the forward dynamics together, through rollouts, with one seed."""

from pathlib import Path

from lamo.jobs.job import job
from lamo.jobs.launch import handed_over
from lamo.midway.network import Midway
from lamo.predictors.build import load_predictor, save_predictor
from lamo.predictors.end_to_end import EndToEndConfig
from lamo.predictors.kinds import find_kind
from lamo.predictors.saved import read_settings, read_tokens
from lamo.rollout.end_to_end import train_end_to_end
from lamo.rollout.loading import load_latent_models
from lamo.stores.frames import open_frames
from lamo.stores.windows import ShardArray
from lamo.training.session import training_session


def shards(stores, manifests):
    return [ShardArray(store.frames, store.offsets) for store in open_frames(stores, manifests) if len(store)]


def main(files, output, params, session, seed, entry):
    config = EndToEndConfig.model_validate(params.end_to_end)
    begun, folder = Path(files.predictor[0]).parent, Path(output.model).parent
    settings, geometry = read_settings(begun)
    predictor = load_predictor(begun).to(session.device)
    network = Path(files.midway[0]).parent
    models = load_latent_models(network, files.statistics, params.latents["levels"], session.device)
    forward = Midway.load(network).to(session.device)
    log = train_end_to_end(
        f"{entry} seed {seed}",
        models,
        forward,
        predictor,
        find_kind(settings.kind).parse(config.sampler),
        config,
        (shards(files.train, files.train_manifests), shards(files.val, files.val_manifests)),
        params.rate_hz,
        seed,
        session,
    )
    if session.processes.main:
        save_predictor(folder, predictor, settings, geometry, read_tokens(begun), config)
        forward.save(Path(output.midway[0]).parent)
        log.write(output.log)


with job(snakemake) as this:
    if not handed_over(snakemake.resources, snakemake.threads):
        with training_session(snakemake.resources, snakemake.threads, this) as session:
            names = snakemake.wildcards
            main(snakemake.input, snakemake.output, snakemake.params, session, int(names.seed), names.predictor)
