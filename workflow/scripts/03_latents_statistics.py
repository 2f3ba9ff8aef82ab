"""Means and standard deviations of the training latents and motion tokens."""

from lamo.predictors.statistics import compute_statistics
from lamo.stores.latents import open_latents
from lamo.workflow.job import job, use_threads

with job(snakemake):
    use_threads(snakemake.threads)
    stores = open_latents(snakemake.input.stores, snakemake.input.manifests)
    compute_statistics(stores).save(snakemake.output[0])
