"""Comparisons of rows as CSV, Markdown and plain text."""

import math
import textwrap
from collections.abc import Sequence

from lamo.metrics.catalogue import in_order, metric
from lamo.metrics.comparisons import Difference
from lamo.metrics.rows import readable
from lamo.report.table import ABSENT, csv_table, decimal_text, markdown_table, number_text, text_table

COLUMNS = (
    *("first", "second", "horizon_s", "metric", "first_mean", "second_mean", "difference", "ci_low", "ci_high"),
    *("favours", "n_clips", "n_seeds"),
)


def comparisons_csv(found: Sequence[Difference]) -> str:
    """A line per pair, horizon and metric; six decimals, empty where there is no number."""
    lines = []
    for one in found:
        numbers = (one.first_mean, one.second_mean, one.difference.mean, one.difference.low, one.difference.high)
        key = (one.first, one.second, f"{one.horizon_s:g}", one.metric)
        lines.append([*key, *map(number_text, numbers), one.favours, one.clips, one.seeds])
    return csv_table(COLUMNS, lines)


def comparisons_markdown(found: Sequence[Difference], missing: Sequence[str], run: str) -> str:
    """A table for each horizon with a row per pair, in bold where the interval does not contain 0; and a caption."""
    lines = []
    for horizon, titles, rows in _blocks(found):
        cells = [[name, *map(_markdown, row)] for name, row in rows]
        lines += [*markdown_table([f"after {horizon:g} s", *titles], cells), ""]
    caption = f"{run}: {_note(found, '[95 % interval over {}]')} Bold: the interval does not contain 0."
    return "\n".join([*lines, caption + _left_out(missing), ""])


def comparisons_text(found: Sequence[Difference], missing: Sequence[str]) -> str:
    """The same for a terminal, with half the width of the interval; a star stands where it does not contain 0."""
    lines = []
    for horizon, titles, rows in _blocks(found):
        # Every cell ends in a star or a blank, so that numbers stand below each other.
        cells = [[name, *map(_short_text, row)] for name, row in rows]
        lines += [*text_table([f"after {horizon:g} s", *(f"{one} " for one in titles)], cells), ""]
    note = _note(found, "± half the 95 % interval over {}")
    note += f" *: the interval does not contain 0.{_left_out(missing)}"
    return "\n".join([*lines, *textwrap.wrap(note, 98), ""])


def _blocks(found: Sequence[Difference]) -> list[tuple[float, list[str], list[tuple[str, list[Difference | None]]]]]:
    """Horizons with the titles of their columns and their rows; None where a pair is not compared in a metric."""
    blocks = []
    for horizon in dict.fromkeys(one.horizon_s for one in found):
        rows: dict[str, dict[str, Difference]] = {}
        for one in found:
            if one.horizon_s == horizon:
                rows.setdefault(readable(f"{one.first} over {one.second}"), {})[one.metric] = one
        names = in_order(name for row in rows.values() for name in row)
        titles = [f"{metric(name).title} {metric(name).arrow}" for name in names]
        blocks.append((horizon, titles, [(pair, [row.get(name) for name in names]) for pair, row in rows.items()]))
    return blocks


def _markdown(one: Difference | None) -> str:
    """ "**+0.61 [+0.32, +0.90]**", plain where the interval contains 0."""
    if one is None:
        return ABSENT
    found, decimals = one.difference, _decimals(one)
    mean, low, high = (decimal_text(value, decimals, "+z") for value in (found.mean, found.low, found.high))
    text = f"{mean} [{low}, {high}]" if math.isfinite(found.low) else mean
    return f"**{text}**" if one.favours else text


def _short_text(one: Difference | None) -> str:
    """ "+0.61 ±0.29*" """
    if one is None:
        return f"{ABSENT} "
    found, decimals = one.difference, _decimals(one)
    half = f" ±{found.half:.{decimals}f}" if math.isfinite(found.low) else ""
    return decimal_text(found.mean, decimals, "+z") + half + ("*" if one.favours else " ")


def _decimals(one: Difference) -> int:
    found = one.difference
    size = [abs(value) for value in (found.mean, found.low, found.high) if math.isfinite(value)]
    return metric(one.metric).decimals_for([max(size, default=1.0)])


def _note(found: Sequence[Difference], interval: str) -> str:
    if not found:
        return "no comparison of this run."
    seeds = max(one.seeds for one in found)
    over = f"clips ({found[0].clips}) and training seeds ({seeds}, paired by number)"
    if seeds == 1:
        over = f"clips ({found[0].clips}), for one training seed each"
    return f"The first row minus the second on the same context windows, means over samples, {interval.format(over)}."


def _left_out(missing: Sequence[str]) -> str:
    return f" Left out, since this run lacks a row: {'; '.join(missing)}." if missing else ""
