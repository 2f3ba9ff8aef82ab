"""What a finished run shows; `python -m lamo.tools.results results/<run>` shows it again."""

import sys
from pathlib import Path


def show_results(results: str | Path) -> None:
    """Print the table of a run, if it has come that far, with the comparisons below it, and where its files lie."""
    folder = Path(results) / "07_metrics"
    if not (folder / "table.txt").exists():
        return
    for name in ("table.txt", "comparisons.txt"):
        if (folder / name).exists():
            print((folder / name).read_text(encoding="utf-8"))
    kinds = (
        ("table.csv", "the table for programs; table.md and table.tex for people"),
        ("table_samples.md", "best and mean of several samples, spread, coverage, skill, other distances"),
        ("comparisons.md", "differences between methods on the same windows; comparisons.csv for programs"),
        ("probe.md", "what the motion tokens say of speed and yaw rate"),
        ("contact_sheet.png", "truth and methods as rows, time as columns"),
        ("figures", "metrics against time, training losses"),
        ("videos", "rollouts beside the truth"),
    )
    for name, content in kinds:
        if (folder / name).exists():
            print(f"{folder / name}: {content}")


if __name__ == "__main__":
    show_results(sys.argv[1])
