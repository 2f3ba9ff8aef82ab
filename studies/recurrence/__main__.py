"""Compare closed recurrences: train the variants, roll them out with the oracle's motion, write the tables.

Finished variants are kept and not computed again while their settings and frames are the same.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT, code_hash
from lamo.stores.atomic import read_json, replacing, write_json
from lamo.tools.documents import replace_between
from lamo.training.device import pick_device
from studies.common import key_of
from studies.recurrence.evaluation import Bench, make_bench, measure
from studies.recurrence.models import Models, open_data
from studies.recurrence.settings import Study, Variant, read_study
from studies.recurrence.table import collect, long_form, markdown

logger = logging.getLogger("studies.recurrence")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 1 after an error of use."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    torch.set_num_threads(options.threads)
    try:
        study = read_study(options.study, options.config)
        chosen = _chosen(study, options.variants)
        for entry in options.datasets.split(",") if options.datasets else study.config.datasets:
            name, _, folder = entry.partition("=")
            if not folder and name not in study.config.datasets:
                known = ", ".join(study.config.datasets)
                raise LamoError(f"--datasets: found {name}, expected {known}, or NAME=FOLDER")
            run(study, chosen, name, folder or study.config.datasets[name], options.results, options.docs)
    except LamoError as error:
        logger.error("error: %s", error)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m studies.recurrence", description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=ROOT / "studies" / "recurrence.yaml", help="what is compared")
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "config.yaml", help="what it is laid over")
    parser.add_argument("--datasets", help="NAME or NAME=FOLDER (01_frames of a run), by commas; all of the study")
    parser.add_argument("--variants", help="names by commas; all of the study")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; results depend on them in the last digits")
    parser.add_argument("--results", type=Path, default=Path("results/studies/recurrence"), help="where results go")
    parser.add_argument("--docs", type=Path, help="document whose tables are replaced, between its marks")
    return parser


def _chosen(study: Study, names: str | None) -> list[Variant]:
    wanted = names.split(",") if names else [one.name for one in study.variants]
    unknown = [name for name in wanted if name not in {one.name for one in study.variants}]
    if unknown:
        known = ", ".join(one.name for one in study.variants)
        raise LamoError(f"--variants: found {', '.join(unknown)}, expected {known}")
    return [one for one in study.variants if one.name in wanted]


def run(study: Study, chosen: list[Variant], name: str, folder: str, results: Path, docs: Path | None) -> None:
    """All chosen variants on one dataset, then its tables, of all variants that are finished by then."""
    data, bench = open_data(name, folder), None
    for variant in chosen:
        for seed in study.config.seeds:
            file = _file(results, name, variant, seed)
            if _stored(file, _key(study, variant, seed, data.key)) is None:
                bench = bench or make_bench(data, study)
                write_json(file, _measured(study, variant, seed, bench, results / "cache"))
    rows = {}
    for variant in study.variants:
        keys = [(seed, _key(study, variant, seed, data.key)) for seed in study.config.seeds]
        found = [_stored(_file(results, name, variant, seed), key) for seed, key in keys]
        if None not in found:
            rows[variant.name] = found
    _write_tables(study, rows, name, results, docs)


def _measured(study: Study, variant: Variant, seed: int, bench: Bench, cache: Path) -> dict:
    logger.info("%s, seed %d: %s (%s)", bench.data.name, seed, variant.name, variant.about)
    models = Models(cache, bench.data, study.default.frames.rate_hz, seed, pick_device())
    found = measure(variant, study, models, bench)
    key = _key(study, variant, seed, bench.data.key)
    return {"key": key, "code": _code(), "variant": variant.name, "seed": seed, **found}


def _write_tables(study: Study, rows: dict, name: str, results: Path, docs: Path | None) -> None:
    if len({row["code"] for of_variant in rows.values() for row in of_variant}) > 1:
        logger.warning("%s: the variants were computed by different code; delete %s to redo all", name, results)
    found = collect(study, rows)
    text = markdown(found, name)
    for suffix, content in ((".md", text), (".csv", long_form(found))):
        with replacing(results / f"{name}{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    if docs:
        replace_between(docs, name, text)
    print(text)


def _file(results: Path, dataset: str, variant: Variant, seed: int) -> Path:
    return results / dataset / f"{variant.name}-seed{seed}.json"


def _stored(file: Path, key: str) -> dict | None:
    found = read_json(file) if file.exists() else None
    return found if found and found["key"] == key else None


def _key(study: Study, variant: Variant, seed: int, data: str) -> str:
    """What the result of a variant depends on; the code is kept beside it."""
    settings = study.config.model_dump(mode="json", exclude={"datasets", "seeds", "base", "variants", "resamples"})
    models = [one.model_dump(mode="json", by_alias=True) for one in (variant.midway, variant.trained, study.decoder)]
    return key_of([data, seed, models, settings, list(study.default.rollouts.blur_sigmas)])


def _code() -> str:
    return key_of([code_hash(file) for file in sorted(Path(__file__).parent.glob("*.py"))])


if __name__ == "__main__":
    sys.exit(main())
