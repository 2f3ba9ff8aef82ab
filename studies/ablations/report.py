"""What the program leaves behind: a CSV with every number, the tables, and the page."""

import logging
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.workflow.provenance import device, git_state
from studies.ablations.figure import draw
from studies.ablations.page import write_page
from studies.ablations.plan import Plan
from studies.ablations.settings import Group
from studies.ablations.table import Row, Tables, as_csv, tables_of

logger = logging.getLogger(__name__)


def write_report(plan: Plan, docs: Path | None, command: str) -> None:
    """Write ablations.csv, ablations.md and ablations.png of what is finished into the folder of the plan, print the
    tables, and put them on the page `docs`; the picture too, if no group is missing. Raises `LamoError` if nothing is
    finished."""
    found = {group.name: plan.rows(group) for group in plan.groups}
    rows = {name: of_group for name, (of_group, _) in found.items() if of_group}
    finished = [row for of_group in rows.values() for row in of_group]
    if not finished:
        raise LamoError(f"{plan.folder}: found no finished variant to write tables of")
    _warn_of_mixed_code(finished, plan)
    tables = _tables(plan, len(finished[0].results[0]["scores"]["psnr"]))
    groups = tuple(group for group in plan.groups if group.name in rows)
    texts = {one.name: f"{tables.markdown(*found[one.name])}\n\n{_facts(plan, one, tables, command)}" for one in groups}
    lines = [line for name, of_group in rows.items() for line in tables.lines(name, of_group)]
    text = "\n\n".join(f"## {one.title}\n\n{texts[one.name]}" for one in groups) + "\n"
    for suffix, content in ((".csv", as_csv(lines)), (".md", text)):
        with replacing(plan.folder / f"ablations{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    picture = plan.folder / "ablations.png"
    draw(picture, tables, groups, rows)
    if docs:
        whole = len(groups) == len(plan.study.groups)
        write_page(docs, texts, groups, picture if whole else None)
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
    """How, when, on what and on how much the table of a group was measured: other groups may be of another day."""
    state, now = git_state(), device(torch.get_num_threads())
    commit = "no commit" if state is None else f"commit {state['commit'][:12]}{', changed' if state['dirty'] else ''}"
    training = group.variants[0].config.predictors.of(group.variants[0].predictor).training
    clips, samples, seeds = tables.bootstrap.clips, plan.evaluation.samples, ", ".join(map(str, plan.study.seeds))
    return (
        f"{len(tables.clips)} windows of {clips} held-out clips, {samples} samples each; trained for "
        f"{training.steps:,} steps of {training.batch} windows, seed {seeds}. `{command}`, {date.today()}, {commit}, "
        f"{', '.join([now['cpu'], *now['gpus']])}, torch {version('torch')}."
    )
