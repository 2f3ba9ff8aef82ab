"""Comparisons of rows as CSV, Markdown and plain text."""

import csv
import io
import math
import textwrap
from collections.abc import Sequence

from lamo.metrics.catalogue import arrow, decimals_of, title
from lamo.metrics.comparisons import Difference

COLUMNS = (
    *("first", "second", "horizon_s", "metric", "first_mean", "second_mean", "difference", "ci_low", "ci_high"),
    *("favours", "n_clips", "n_seeds"),
)


def comparisons_csv(found: Sequence[Difference]) -> str:
    """A line per pair, horizon and metric; six decimals, empty where there is no number."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found:
        numbers = (one.first_mean, one.second_mean, one.difference.mean, one.difference.low, one.difference.high)
        texts = [f"{number:.6f}" if math.isfinite(number) else "" for number in numbers]
        key = (one.first, one.second, f"{one.horizon_s:g}", one.metric)
        writer.writerow([*key, *texts, one.favours, one.clips, one.seeds])
    return buffer.getvalue()


def comparisons_markdown(found: Sequence[Difference], missing: Sequence[str], run: str) -> str:
    """A table for each horizon with a row per pair, in bold where the interval does not contain 0; and a caption."""
    lines = []
    for horizon, titles, rows in _blocks(found):
        lines += [f"| after {horizon:g} s | " + " | ".join(titles) + " |", "|---|" + "---:|" * len(titles)]
        for name, cells in rows:
            texts = [f"**{_text(one)}**" if one.favours else _text(one) for one in cells]
            lines.append(f"| {name} | " + " | ".join(texts) + " |")
        lines.append("")
    caption = f"{run}: {_note(found, '[95 % interval over {}]')} Bold: the interval does not contain 0."
    return "\n".join([*lines, caption + _left_out(missing), ""])


def comparisons_text(found: Sequence[Difference], missing: Sequence[str]) -> str:
    """The same for a terminal, with half the width of the interval; a star stands where it does not contain 0."""
    lines = []
    for horizon, titles, rows in _blocks(found):
        table = [(f"after {horizon:g} s", [f"{one} " for one in titles])]
        table += [(name, [_short_text(one) + ("*" if one.favours else " ") for one in cells]) for name, cells in rows]
        first = max(len(name) for name, _ in table)
        widths = [max(len(cells[i]) for _, cells in table) for i in range(len(titles))]
        for number, (name, cells) in enumerate(table):
            texts = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
            lines.append(f"{name.ljust(first)}  {texts}".rstrip())
            if number == 0:
                lines.append("-" * len(lines[-1]))
        lines.append("")
    note = _note(found, "± half the 95 % interval over {}")
    note += f" *: the interval does not contain 0.{_left_out(missing)}"
    return "\n".join([*lines, *textwrap.wrap(note, 98), ""])


def _blocks(found: Sequence[Difference]) -> list[tuple[float, list[str], list[tuple[str, list[Difference]]]]]:
    """Horizons with the titles of their columns and their rows."""
    blocks = []
    for horizon in dict.fromkeys(one.horizon_s for one in found):
        rows: dict[str, list[Difference]] = {}
        for one in found:
            if one.horizon_s == horizon:
                rows.setdefault(f"{one.first} over {one.second}".replace("_", " "), []).append(one)
        titles = [f"{title(one.metric)} {arrow(one.metric)}" for one in next(iter(rows.values()))]
        blocks.append((horizon, titles, list(rows.items())))
    return blocks


def _text(one: Difference) -> str:
    """ "+0.61 [+0.32, +0.90]" """
    found, decimals = one.difference, _decimals(one)
    mean, low, high = (f"{value:+z.{decimals}f}" for value in (found.mean, found.low, found.high))
    return f"{mean} [{low}, {high}]" if math.isfinite(found.low) else mean


def _short_text(one: Difference) -> str:
    """ "+0.61 ±0.29" """
    found, decimals = one.difference, _decimals(one)
    half = f" ±{(found.high - found.low) / 2:.{decimals}f}" if math.isfinite(found.low) else ""
    return f"{found.mean:+z.{decimals}f}{half}"


def _decimals(one: Difference) -> int:
    found = one.difference
    size = [abs(value) for value in (found.mean, found.low, found.high) if math.isfinite(value)]
    return decimals_of(one.metric, [max(size, default=1.0)])


def _note(found: Sequence[Difference], interval: str) -> str:
    if not found:
        return "no comparison of this run."
    seeds = max(one.seeds for one in found)
    over = f"clips ({found[0].clips}) and training seeds ({seeds}, paired by number)"
    if seeds == 1:
        over = f"clips ({found[0].clips}), for one training seed each"
    return f"First less second on the same context windows, means over samples, {interval.format(over)}."


def _left_out(missing: Sequence[str]) -> str:
    return f" Left out, since this run lacks a row: {'; '.join(missing)}." if missing else ""
