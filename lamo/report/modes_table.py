"""Tables of the ways that futures take at forks, as CSV and Markdown."""

from collections.abc import Sequence

from lamo.metrics.modes import REFERENCES, SHOWS_S, Mode
from lamo.metrics.rows import readable
from lamo.report.table import counted, csv_table, markdown_table, number_text, with_half

COLUMNS = ("fork", "row", "measure", "mean", "ci_low", "ci_high", "n_windows", "n_clips", "n_samples")


def modes_csv(found: Sequence[Mode]) -> str:
    """A line for each kind of fork, row and measure; six decimals, empty where there is no number."""
    lines = []
    for one in found:
        numbers = map(number_text, (one.interval.mean, one.interval.low, one.interval.high))
        lines.append([one.kind, one.label, one.measure, *numbers, one.windows, one.clips, one.samples])
    return csv_table(COLUMNS, lines)


def modes_markdown(found: Sequence[Mode], run: str) -> str:
    """A table for each kind of fork, with a row for the truth and each row of the run; and a caption."""
    if not found:
        return f"{run}: no window starts shortly before a fork and ends after it.\n"
    lines = []
    for kind in dict.fromkeys(one.kind for one in found):
        cells = [one for one in found if one.kind == kind]
        measures = list(dict.fromkeys(one.measure for one in cells))
        rows = []
        for label in dict.fromkeys(one.label for one in cells):
            of_row = {one.measure: one.interval for one in cells if one.label == label}
            rows.append([readable(label), *(with_half(of_row[name].mean, of_row[name].half, 2) for name in measures)])
        size = f"{kind}, {counted(cells[0].windows, 'window')} of {counted(cells[0].clips, 'clip')}"
        lines += [*markdown_table([size, *measures], rows), ""]
    samples = max(one.samples for one in found)
    caption = (
        f"{run}: windows that start 0.1 to 1 s before a fork. A future goes the way of the nearest of {REFERENCES} "
        f"true futures with known ways (blurred pixels, {SHOWS_S[0]:g} to {SHOWS_S[1]:g} s after the choice). Shares "
        "of the futures that take each way; as it happened: share that takes the way of the truth, for a perfect "
        f"forecast that of chance; ways: different ways among the futures of a window, of up to {samples}; clearly: 1 "
        "less the distance to the nearest way over that to the next one, near 0 where a future is between the ways or "
        "blurred. ± is half the 95 % interval over clips and training seeds."
    )
    return "\n".join([*lines, caption, ""])
