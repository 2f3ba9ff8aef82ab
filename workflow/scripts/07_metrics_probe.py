"""Read the true ego motion from motion tokens by linear regression, beside the controls."""

from lamo.jobs.job import job, use_threads
from lamo.metrics.config import BootstrapConfig
from lamo.probing.ego_motion import EgoMotion
from lamo.probing.probe import ProbeClips, run_probe
from lamo.report.probe_figure import probe_figure
from lamo.report.probe_table import probe_csv, probe_markdown
from lamo.stores.atomic import replacing
from lamo.stores.frames import FramesStore
from lamo.stores.latents import LatentsStore


def stores(files, split):
    """Opened only as they are asked for."""
    names = (f"{split}_latents", f"{split}_latents_manifests", f"{split}_frames", f"{split}_frames_manifests")
    for latents, latents_manifest, frames, frames_manifest in zip(*(files[name] for name in names), strict=True):
        yield LatentsStore(latents, latents_manifest), FramesStore(frames, frames_manifest)


def main(files, output, params):
    truth = EgoMotion(files.motion)
    train, held_out = (ProbeClips(stores(files, s), truth, s) for s in ("train", "val"))
    probe = run_probe(train, held_out, BootstrapConfig.model_validate(params.bootstrap))
    for path, text in ((output.csv, probe_csv(probe)), (output.markdown, probe_markdown(probe, params.run))):
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    probe_figure(output.figure, probe)


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
