"""Write what every method was given and what it costs: parameters, tokens, training and rollout operations."""

from pathlib import Path

from lamo.jobs.job import job, use_threads
from lamo.metrics.cost import compare, count_step, read_trained
from lamo.report.cost_table import matched_csv, matched_markdown
from lamo.stores.atomic import replacing


def main(files, output, params):
    # results/<run>/05_predictors/<entry>/seed<n>/config.json
    folders = [Path(config).parent for config in files.configs]
    trained = [read_trained(folder.parent.name, folder) for folder in folders]
    step = count_step(Path(files.midway).parent, Path(files.decoder).parent, params.latents["levels"])
    methods = compare(trained, params.samplers, step)
    texts = {output.csv: matched_csv(methods, step), output.markdown: matched_markdown(methods, step, params.run)}
    for path, text in texts.items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


with job(snakemake):
    use_threads(snakemake.threads)
    main(snakemake.input, snakemake.output, snakemake.params)
