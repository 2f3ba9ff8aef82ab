"""Tables of groups of windows as CSV and Markdown."""

from collections.abc import Sequence

from lamo.metrics.catalogue import in_order, metric
from lamo.metrics.groups import GroupMean
from lamo.metrics.rows import readable
from lamo.report.table import counted, csv_table, markdown_table, number_text, with_half

COLUMNS = ("group", "row", "horizon_s", "metric", "mean", "ci_low", "ci_high", "n_windows", "n_clips")


def groups_csv(found: Sequence[GroupMean]) -> str:
    """A line for each group, row, horizon and metric; six decimals, empty where there is no number."""
    lines = []
    for one in found:
        numbers = map(number_text, (one.interval.mean, one.interval.low, one.interval.high))
        lines.append([one.group, one.label, f"{one.horizon_s:g}", one.metric, *numbers, one.windows, one.clips])
    return csv_table(COLUMNS, lines)


def groups_markdown(found: Sequence[GroupMean], run: str, grouping: str) -> str:
    """A table for each group at the longest horizon, a row for each method; and a caption, that says the `grouping`."""
    horizon = max((one.horizon_s for one in found), default=0.0)
    last = [one for one in found if one.horizon_s == horizon]
    lines = []
    for group in dict.fromkeys(one.group for one in last):
        cells = [one for one in last if one.group == group]
        metrics = in_order(one.metric for one in cells)
        titles = [f"{metric(name).title} {metric(name).arrow}".strip() for name in metrics]
        rows = []
        for label in dict.fromkeys(one.label for one in cells):
            by_metric = {one.metric: one for one in cells if one.label == label}
            texts = [_text(by_metric[name], cells) if name in by_metric else "n/a" for name in metrics]
            rows.append([readable(label), *texts])
        size = f"{group}, {counted(cells[0].windows, 'window')} of {counted(cells[0].clips, 'clip')}"
        lines += [*markdown_table([size, *titles], rows), ""]
    caption = (
        f"{run}: after {horizon:g} s, {grouping}. Means over samples; ± is half the 95 % interval over clips and "
        "training seeds."
    )
    return "\n".join([*lines, caption, ""])


def _text(one: GroupMean, column: Sequence[GroupMean]) -> str:
    """A cell, "23.41 ±0.21", with the decimals of its column."""
    values = [other.interval.mean for other in column if other.metric == one.metric]
    decimals = metric(one.metric).decimals_for(values)
    return with_half(one.interval.mean, one.interval.half, decimals)
