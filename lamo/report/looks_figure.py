"""Looks against coverage: what learned rows of several samples trade, how natural frames look for what they cover."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from lamo.metrics.catalogue import metric
from lamo.metrics.long_form import with_nan
from lamo.metrics.rows import is_learned, row_label
from lamo.report.figure_files import save
from lamo.report.figures import panels
from lamo.report.style import figure_label, line_styles, say_absent

LOOKS, COVERAGE = "kid_imagenet", "coverage_oracle"


def looks_figure(path: str | Path, summary: pa.Table) -> None:
    """Write a PNG with a point for each learned row of a summary that has several samples, at the longest horizon.

    Across: coverage of the oracle's frames, with a line where it is right. Up: distance of frames from true ones in
    ImageNet features, lower is better. Bars are 95 % intervals.
    """
    rows = [row for row in with_nan(summary) if row["metric"] in (LOOKS, COVERAGE) and is_learned(row["sampler"])]
    last = max((row["horizon_s"] for row in rows if row["metric"] == LOOKS), default=np.nan)
    found = {(row["method"], row["sampler"], row["metric"]): row for row in rows if row["horizon_s"] == last}
    keys = [key for key in dict.fromkeys(key[:2] for key in found) if _known(found, key)]
    styles = line_styles(list(dict.fromkeys((row["method"], row["sampler"]) for row in with_nan(summary))))
    figure, (axis,), _ = panels(1, columns=1, width=6.4, height=4.4)
    for key in keys:
        across, up = found[*key, COVERAGE], found[*key, LOOKS]
        style = styles[key]
        bars = [_bars(across), _bars(up)]
        axis.errorbar(
            across["mean"], up["mean"], bars[1], bars[0], color=style.colour, marker=style.marker, markersize=6,
            elinewidth=0.8, alpha=0.9, linestyle="", label=figure_label(row_label(*key)),
        )  # fmt: skip
    if keys:
        samples = found[*keys[0], COVERAGE]["n_samples"]
        axis.axvline((samples - 1) / (samples + 1), color="#bbbbbb", linewidth=0.8, zorder=0)
        axis.set_title(f"after {last:g} s", fontsize=10)
        axis.legend(fontsize=8, frameon=False)
    else:
        say_absent(axis)
    axis.set_xlabel("coverage of the oracle's frames (line: right)")
    axis.set_ylabel(f"{metric(LOOKS).title}: distance from true frames", fontsize=9)
    save(figure, path)


def _bars(row: dict[str, float]) -> np.ndarray:
    """Lengths below and above the mean, [2, 1]; 0 on a side where the mean lies outside of its interval."""
    return np.maximum([[row["mean"] - row["ci_low"]], [row["ci_high"] - row["mean"]]], 0)


def _known(found: dict[tuple[str, str, str], dict[str, float]], key: tuple[str, str]) -> bool:
    both = (found.get((*key, name)) for name in (COVERAGE, LOOKS))
    return all(one is not None and np.isfinite(one["mean"]) for one in both)
