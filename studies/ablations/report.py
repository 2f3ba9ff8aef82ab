"""What the program leaves behind: a CSV with every number, the tables, and the page."""

from collections.abc import Sequence
from pathlib import Path

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from studies.ablations.figure import draw
from studies.ablations.page import write_page
from studies.ablations.plan import Plan
from studies.ablations.settings import Group
from studies.ablations.table import Row, Tables, as_csv, tables_of


def write_report(plan: Plan, docs: Path | None, command: str) -> None:
    """Write ablations.csv, ablations.md and ablations.png of what is finished into the folder of the plan, print the
    tables, and put them on the page `docs`. The picture shows all groups of the study of which something is finished.
    Raises `LamoError` if nothing of those that were asked for is."""
    found = {group.name: plan.rows(group) for group in plan.groups}
    rows = {name: of_group for name, (of_group, _) in found.items() if of_group}
    finished = [row for of_group in rows.values() for row in of_group]
    if not finished:
        raise LamoError(f"{plan.folder}: found no finished variant to write tables of")
    tables = _tables(plan, len(finished[0].results[0]["scores"]["psnr"]))
    groups = tuple(group for group in plan.groups if group.name in rows)
    texts = {}
    for one in groups:
        facts = _facts(plan, one, rows[one.name], tables, command)
        texts[one.name] = f"{tables.markdown(*found[one.name])}\n\n{facts}"
    lines = [line for name, of_group in rows.items() for line in tables.lines(name, of_group)]
    text = "\n\n".join(f"## {one.title}\n\n{texts[one.name]}" for one in groups) + "\n"
    for suffix, content in ((".csv", as_csv(lines)), (".md", text)):
        with replacing(plan.folder / f"ablations{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    picture = plan.folder / "ablations.png"
    everything = {group.name: plan.rows(group)[0] for group in plan.study.groups}
    draw(picture, tables, [group for group in plan.study.groups if everything[group.name]], everything)
    if docs:
        write_page(docs, texts, groups, picture)
    print(text)


def _tables(plan: Plan, windows: int) -> Tables:
    evaluation, config = plan.evaluation, plan.study.base
    chosen = evaluation.windows(evaluation.clips("val"), evaluation.longest)
    if len(chosen) != windows:
        raise LamoError(f"{plan.folder}: found results of {windows} windows, expected {len(chosen)}; delete them")
    settings = config.metrics.bootstrap
    clips = [window.clip_id for window in chosen]
    return tables_of(clips, config.rollouts.horizons_s, settings.resamples, settings.seed)


def _facts(plan: Plan, group: Group, rows: Sequence[Row], tables: Tables, command: str) -> str:
    """On how much, how, when and on what the table of a group was measured, as its results say."""
    clips, samples, seeds = tables.bootstrap.clips, plan.evaluation.samples, ", ".join(map(str, plan.study.seeds))
    training = group.variants[0].config.predictors.of(group.variants[0].predictor).head.training
    stamps = [one["measured"] for row in rows for one in row.results]
    found = [", ".join(dict.fromkeys(stamp[name] for stamp in stamps)) for name in stamps[0]]
    return (
        f"{len(tables.clips)} windows of {clips} held-out clips, {samples} samples each; trained for "
        f"{training.steps:,} steps of {training.batch} windows, seed {seeds}. `{command}`, {', '.join(found)}."
    )
