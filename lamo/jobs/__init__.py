"""What the Snakemake workflow needs around the science: plumbing, outside the code hash, since it changes no result."""
