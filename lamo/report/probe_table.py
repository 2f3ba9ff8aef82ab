"""The table of the probe as CSV and Markdown."""

import math

import numpy as np

from lamo.probing.ego_motion import TARGETS
from lamo.probing.probe import MOTION, SHUFFLED, Probe
from lamo.report.table import csv_table, decimal_text, markdown_table, number_text
from lamo.statistics.intervals import Interval

COLUMNS = ("input", "target", "unit", "features", "ridge", "r2", "ci_low", "ci_high", "rmse", "n_clips", "n_steps")
_INPUTS = {
    MOTION: "motion tokens, all levels",
    SHUFFLED: "motion tokens, labels of another clip",
    "state_mean": "one latent state, mean over patches",
    "state_regions": "one latent state, means over regions",
}


def input_label(name: str) -> str:
    """An input as shown to people."""
    return _INPUTS.get(name) or f"motion tokens, level {name.removeprefix('motion_level_')}"


def target_label(name: str) -> str:
    """A target as shown to people: "yaw rate"."""
    return name.replace("_", " ")


def interval_text(interval: Interval) -> str:
    """R squared with its bounds, "0.78 [0.69, 0.84]"; without them where there is no interval."""
    bounds = f" [{interval.low:.2f}, {interval.high:.2f}]" if math.isfinite(interval.low) else ""
    return decimal_text(interval.mean, 2) + bounds


def probe_csv(probe: Probe) -> str:
    """The machine-readable table: six decimals, empty where there is no number."""
    lines = []
    for row in probe.rows:
        numbers = map(number_text, (row.r2.mean, row.r2.low, row.r2.high, row.rmse))
        unit = TARGETS[row.target]
        lines.append([row.inputs, row.target, unit, row.features, f"{row.ridge:g}", *numbers, *probe.held_out])
    return csv_table(COLUMNS, lines)


def probe_markdown(probe: Probe, run: str) -> str:
    """A table with one row per input, then its caption."""
    titles = ["regression on", "features"]
    titles += [title for name, unit in TARGETS.items() for title in (f"{target_label(name)} R²", f"RMSE ({unit})")]
    table = []
    for inputs in dict.fromkeys(row.inputs for row in probe.rows):
        rows = [probe.row(inputs, target) for target in TARGETS]
        cells = [cell for row in rows for cell in (interval_text(row.r2), decimal_text(row.rmse, 3))]
        table.append([input_label(inputs), str(rows[0].features), *cells])
    return "\n".join([*markdown_table(titles, table), "", _caption(probe, run), ""])


def _caption(probe: Probe, run: str) -> str:
    spread = probe.true.std(axis=0) if len(probe.true) else np.full(len(TARGETS), math.nan)
    deviations = " and ".join(
        f"{decimal_text(deviation, 3)} {unit} ({target_label(name)})"
        for (name, unit), deviation in zip(TARGETS.items(), spread, strict=True)
    )
    fitted, held_out = (f"{steps} steps of {clips}" for clips, steps in (probe.fitted, probe.held_out))
    return (
        f"{run}: linear (ridge) regression to the true ego motion, averaged over each step; fitted "
        f"on {fitted} training clips, scored on {held_out} held-out clips. R² is the share of the variance over "
        "held-out steps that the regression explains (1: all, 0: no more than the mean, below 0: less), in brackets "
        f"its 95 % bootstrap interval over clips; RMSE is to be read against the standard deviations {deviations}. "
        "Level 0 is the finest. Labels of another clip leave nothing to learn and show what chance gives; one latent "
        "state, of the frame before the step, shows what can be known without motion."
    )
