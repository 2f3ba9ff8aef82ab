"""What a run will cost, estimated before anything is started: `lamo plan`.

Nothing that the workflow does is written here a second time. The jobs come from Snakemake's dry run, the work of the
models from the stages' own training tasks and rollouts, and the seconds from the benchmark files of earlier runs where
there are some. Other work is timed on a small sample.
"""
