"""Tables as Markdown, plain text, LaTeX and CSV.

A table is a list of titles and a list of rows of text. The first column holds names and is aligned to the left, the
others hold numbers and are aligned to the right.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_LATEX = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "±": r"$\pm$", "∞": r"$\infty$"} | {
    c: rf"\{c}" for c in "&%$#_{}"
}
TERMINAL = 100
"""Characters of a line that tables for a terminal keep to."""
ABSENT = "n/a"
"""What a table shows where there is no number."""


def number_text(value: float) -> str:
    """A number as a CSV shows it: six decimals, empty where there is no number."""
    return f"{value:.6f}" if math.isfinite(value) else ""


def decimal_text(value: float, decimals: int, sign: str = "") -> str:
    """A number as a table shows it to people; `sign` as in format specifications, such as "+z"."""
    return f"{value:{sign}.{decimals}f}" if math.isfinite(value) else ABSENT


def with_half(value: float, half: float, decimals: int, joint: str = " ±") -> str:
    """A number and half the width of its interval, "23.41 ±0.21"; the number alone if there is no interval."""
    text = decimal_text(value, decimals)
    return f"{text}{joint}{half:.{decimals}f}" if math.isfinite(half) else text


def counted(count: int, noun: str) -> str:
    """ "3 windows" """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def csv_table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Comma-separated values, lines ended by a line feed."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(rows)
    return buffer.getvalue()


def markdown_table(titles: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> list[str]:
    """The lines of a Markdown table, whose first `texts` columns are text and the others numbers."""
    head = ["| " + " | ".join(titles) + " |", "|" + "---|" * texts + "---:|" * (len(titles) - texts)]
    return head + ["| " + " | ".join(row) + " |" for row in rows]


def text_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table for a terminal, with a rule below the titles.

    Columns that do not fit beside the others stand in a further block below, with the names again.
    """
    table = [list(titles), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines: list[str] = []
    for columns in _blocks(widths):
        block = [
            "  ".join([row[0].ljust(widths[0]), *(row[column].rjust(widths[column]) for column in columns)]).rstrip()
            for row in table
        ]
        lines += [""] if lines else []
        lines += [block[0], "-" * len(block[0]), *block[1:]]
    return lines


def _blocks(widths: Sequence[int]) -> Iterator[list[int]]:
    """The columns behind the first, block by block as many as fit beside it."""
    block: list[int] = []
    used = widths[0]
    for column, width in enumerate(widths[1:], start=1):
        if block and used + 2 + width > TERMINAL:
            yield block
            block = []
            used = widths[0]
        block.append(column)
        used += 2 + width
    yield block


def latex_row(cells: Sequence[str]) -> str:
    """A row of a LaTeX table, whose cells are LaTeX already."""
    return " & ".join(cells) + r" \\"


def latex_text(text: str) -> str:
    """Text with the characters escaped that LaTeX would take as commands."""
    return "".join(_LATEX.get(character, character) for character in text)
