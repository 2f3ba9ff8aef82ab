"""Means and standard deviations of the training latents and motion tokens."""

from lamo.jobs.job import job, use_threads
from lamo.predictors.statistics import carried_statistics, compute_statistics
from lamo.stores.latents import open_latents

with job(snakemake):
    use_threads(snakemake.threads)
    stores = open_latents(snakemake.input.stores, snakemake.input.manifests)
    carried = snakemake.input.carried
    statistics = carried_statistics(carried[0], stores) if carried else compute_statistics(stores)
    statistics.save(snakemake.output[0])
