"""Put the trained world model into one folder."""

import shutil
from pathlib import Path

import pandas as pd

from lamo.jobs.job import job
from lamo.model.bundle import PREDICTORS, ModelFacts, write_facts, write_half
from lamo.model.card import card
from lamo.predictors.end_to_end import FORWARD
from lamo.stores.atomic import replacing


def main(files, output, params):
    facts = ModelFacts.model_validate(params.facts)
    folder = Path(output.facts).parent
    for left in (folder / PREDICTORS).glob("*"):
        if left.name not in facts.predictors:
            shutil.rmtree(left)
        elif left.name not in facts.together:
            shutil.rmtree(left / FORWARD, ignore_errors=True)
    for part in ("midway", "decoder", "predictors"):
        for source, target in zip(files[part], output[part], strict=True):
            if params.half_precision and Path(source).suffix == ".safetensors":
                write_half(source, target)
            else:
                copy(source, target)
    copy(files.statistics, output.statistics)
    text = card(facts, pd.read_parquet(files.clips), Path(files.table).read_text(encoding="utf-8"), params.folders)
    with replacing(output.card) as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_facts(folder, facts)


def copy(source, target):
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


with job(snakemake):
    main(snakemake.input, snakemake.output, snakemake.params)
