"""Write tables in Markdown as pages for a browser."""

from pathlib import Path

from lamo.jobs.job import job
from lamo.report.html import write_page


def main(files, output):
    for source, target in zip(files, output, strict=True):
        write_page(target, Path(source).stem.replace("_", " "), Path(source).read_text(encoding="utf-8"))


with job(snakemake):
    main(snakemake.input, snakemake.output)
