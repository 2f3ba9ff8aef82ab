"""Numbers with their units, and tables, as text."""

from collections.abc import Sequence


def size(count: float) -> str:
    """Bytes with a unit: 1,234.5 GB."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:,.{1 if count >= 100 * limit else 2}f} {unit}"
    return f"{count:,.0f} B "


def duration(seconds: float) -> str:
    """Seconds with a unit: 1,234 h, 12.5 min or 3.4 s."""
    if seconds >= 3600:
        return f"{seconds / 3600:,.{0 if seconds >= 360000 else 1}f} h  "
    return f"{seconds / 60:,.1f} min" if seconds >= 60 else f"{seconds:,.1f} s  "


def operations(flops: float) -> str:
    """Floating-point operations with a unit; nothing for none."""
    for limit, unit in ((1e18, "EFLOP"), (1e15, "PFLOP"), (1e12, "TFLOP")):
        if flops >= limit:
            return f"{flops / limit:,.1f} {unit}"
    return f"{flops / 1e9:,.1f} GFLOP" if flops else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    """Aligned columns, by `sides` l to the left and all others to the right; a row of empty cells is a line."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    sides = sides.ljust(len(head), "r")
    lines = []
    for row in [head, [], *rows]:
        cells = ["-" * width for width in widths]
        if any(row):
            cells = [
                cell.ljust(width) if side == "l" else cell.rjust(width)
                for cell, width, side in zip(row, widths, sides, strict=True)
            ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
