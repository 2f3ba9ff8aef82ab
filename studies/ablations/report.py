"""What the program leaves behind: a CSV with every number, the tables, and the page."""

import logging
from datetime import date
from pathlib import Path

from benchmarks.timing import machine
from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.workflow.provenance import git_state
from studies.ablations.page import write_page
from studies.ablations.plan import Plan
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
    texts = {name: tables.markdown(rows, missing) for name, (rows, missing) in found.items() if rows}
    facts = _facts(plan, tables, command)
    lines = [line for name, (rows, _) in found.items() for line in tables.lines(name, rows)]
    titles = {group.name: group.title for group in plan.groups}
    text = "\n\n".join([facts, *(f"## {titles[name]}\n\n{table}" for name, table in texts.items())]) + "\n"
    for suffix, content in ((".csv", as_csv(lines)), (".md", text)):
        with replacing(plan.folder / f"ablations{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    if docs:
        write_page(docs, facts, texts, tuple(group for group in plan.groups if group.name in texts))
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


def _facts(plan: Plan, tables: Tables, command: str) -> str:
    """What was run, when, on what, and how much of it."""
    state = git_state()
    commit = "no commit" if state is None else f"commit {state['commit'][:10]}{', changed' if state['dirty'] else ''}"
    predictors, evaluation = plan.study.base.predictors, plan.evaluation
    steps = ", ".join(f"`{name}` {getattr(predictors, name).training.steps:,}" for name in ("flow", "gmm", "state"))
    batches = ", ".join(f"{getattr(predictors, name).training.batch}" for name in ("flow", "gmm", "state"))
    seeds = ", ".join(map(str, plan.study.seeds))
    return (
        f"`{command}`, {date.today()}, {commit}, on {machine(plan.folder)}. Run `{plan.study.base.run}`: "
        f"{len(tables.clips)} windows of {tables.bootstrap.clips} held-out clips, {evaluation.samples} samples each; "
        f"training seeds {seeds}; steps of training: {steps}, batches: {batches} windows."
    )
