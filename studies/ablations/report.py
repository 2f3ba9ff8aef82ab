"""What the program leaves behind: a CSV with every number, the tables, and the page."""

import logging
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.workflow.provenance import device, git_state
from studies.ablations.page import write_page
from studies.ablations.plan import Plan
from studies.ablations.settings import Group
from studies.ablations.table import Row, Tables, as_csv, tables_of

logger = logging.getLogger(__name__)


def write_report(plan: Plan, docs: Path | None, command: str) -> None:
    """Write ablations.csv and ablations.md of what is finished into the folder of the plan, print the tables, and put
    them on the page `docs`. Raises `LamoError` if nothing is finished."""
    found = {group.name: plan.rows(group) for group in plan.groups}
    finished = [row for rows, _ in found.values() for row in rows]
    if not finished:
        raise LamoError(f"{plan.folder}: found no finished variant to write tables of")
    _warn_of_mixed_code(finished, plan)
    tables = _tables(plan, len(finished[0].results[0]["scores"]["psnr"]))
    measured = tuple(group for group in plan.groups if found[group.name][0])
    texts = {one.name: f"{tables.markdown(*found[one.name])}\n\n{_facts(plan, one, tables, command)}" for one in measured}
    lines = [line for name, (rows, _) in found.items() for line in tables.lines(name, rows)]
    text = "\n\n".join(f"## {one.title}\n\n{texts[one.name]}" for one in measured) + "\n"
    for suffix, content in ((".csv", as_csv(lines)), (".md", text)):
        with replacing(plan.folder / f"ablations{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    if docs:
        write_page(docs, texts, measured)
    print(text)


def _tables(plan: Plan, windows: int) -> Tables:
    evaluation, config = plan.evaluation, plan.study.base
    chosen = evaluation.windows(evaluation.clips("val"), evaluation.longest)
    if len(chosen) != windows:
        raise LamoError(f"{plan.folder}: found results of {windows} windows, expected {len(chosen)}; delete them")
    settings = config.metrics.bootstrap
    clips = [window.clip_id for window in chosen]
    return tables_of(clips, config.rollouts.horizons_s, settings.resamples, settings.seed)


def _warn_of_mixed_code(rows: list[Row], plan: Plan) -> None:
    if len({one["code"] for row in rows for one in row.results}) > 1:
        logger.warning("the variants were computed by different code; delete %s to redo all", plan.folder)


def _facts(plan: Plan, group: Group, tables: Tables, command: str) -> str:
    """How, when, on what and on how much the table of a group was measured: groups may be measured at different times."""
    state, now = git_state(), device(torch.get_num_threads())
    commit = "no commit" if state is None else f"commit {state['commit'][:12]}{', changed' if state['dirty'] else ''}"
    training = group.variants[0].config.predictors.of(group.variants[0].predictor).training
    return (
        f"{len(tables.clips)} windows of {tables.bootstrap.clips} held-out clips, {plan.evaluation.samples} samples each; "
        f"trained for {training.steps:,} steps of {training.batch} windows, seed {', '.join(map(str, plan.study.seeds))}. "
        f"`{command}`, {date.today()}, {commit}, {', '.join([now['cpu'], *now['gpus']])}, torch {version('torch')}."
    )
