"""Differences between the same rows of two runs on the windows that both have."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lamo.errors import LamoError
from lamo.metrics.comparisons import WINDOW, Difference, compare
from lamo.metrics.long_form import without_forks
from lamo.metrics.rows import NO_SAMPLER

RESAMPLES = 1000
SCORES = "07_metrics/metrics.parquet"
TABLE = "07_metrics/table.csv"


def compare_runs(first: Path, second: Path, rows: Sequence[str] | None = None) -> tuple[list[Difference], list[str]]:
    """`second` minus `first` for each row that both have (or each of `rows`), at the horizons of both tables.

    Rows are named by run and label. Also returns what has to be said of the windows that were left out.

    Raises:
        LamoError: the runs have no windows, horizons or rows in common, or lack one of `rows`.
    """
    names = [run.resolve().name for run in (first, second)]
    if names[0] == names[1]:
        names = [str(first), str(second)]
    values = [_values(run) for run in (first, second)]
    labels = [set(one["label"]) for one in values]
    wanted = list(rows) if rows else [label for label in values[0]["label"].unique() if label in labels[1]]
    for run, known in zip((first, second), labels, strict=True):
        missing = [label for label in wanted if label not in known]
        if missing or not wanted:
            raise LamoError(
                f"{run}: found no row {', '.join(missing) or 'of the other run'}, expected some of "
                f"{', '.join(sorted(known))}"
            )
    shared, notes = _shared_windows(values, (first, second))
    parts = [
        one[one["label"].isin(wanted)].merge(shared).assign(run=name) for one, name in zip(values, names, strict=True)
    ]
    table = _renamed(pd.concat(parts))
    horizons = sorted(set.intersection(*(_horizons(run) for run in (first, second))))
    if not horizons:
        raise LamoError(f"{second}: found no horizon of its table in that of {first}; set metrics.horizons_s alike")
    pairs = [f"{_name(names[1], label)} over {_name(names[0], label)}" for label in wanted]
    found, _ = compare(table, _no_replicates(), horizons, pairs, RESAMPLES)
    return found, notes


def _values(run: Path) -> pd.DataFrame:
    """The scores of the windows of a run, without windows that were chosen at a fork, with the label of each row."""
    values = without_forks(pq.read_table(run / SCORES)).to_pandas()
    values = values[values["clip"].notna()]
    return values.assign(label=np.where(values["sampler"] == NO_SAMPLER, values["method"], values["sampler"]))


def _shared_windows(values: Sequence[pd.DataFrame], runs: Sequence[Path]) -> tuple[pd.DataFrame, list[str]]:
    """Clip and start of the windows that both runs have, and a note for each that has others, too."""
    own = [one[WINDOW].drop_duplicates() for one in values]
    shared = own[0].merge(own[1])
    if shared.empty:
        clips = [set(one["clip"]) for one in own]
        why = "other starts in the same clips" if clips[0] & clips[1] else "other clips"
        raise LamoError(
            f"{runs[1]}: found no window of {runs[0]}, but {why}; runs can be compared that hold out the same videos "
            "and have the same frames.rate_hz, rollouts and longest history"
        )
    notes = [
        f"{run}: {len(windows) - len(shared)} of {len(windows)} windows are left out, which the other run lacks"
        for run, windows in zip(runs, own, strict=True)
        if len(windows) > len(shared)
    ]
    return shared, notes


def _renamed(values: pd.DataFrame) -> pa.Table:
    """The rows of both runs side by side, named by run and label; a table as `Scores.values`."""
    names = [_name(run, label) for run, label in zip(values["run"], values["label"], strict=True)]
    control = values["sampler"] == NO_SAMPLER
    renamed = values.assign(
        method=names, sampler=[NO_SAMPLER if one else name for one, name in zip(control, names, strict=True)]
    )
    return pa.Table.from_pandas(renamed.drop(columns=["run", "label"]), preserve_index=False)


def _name(run: str, label: str) -> str:
    return f"{run}: {label}"


def _horizons(run: Path) -> set[float]:
    return set(pd.read_csv(run / TABLE)["horizon_s"].round(6))


def _no_replicates() -> pa.Table:
    """Of no distance: they belong to sets of windows, which differ between runs."""
    names = ("method", "sampler", "metric", "left_out", "seed", "value", "horizon_s")
    types = (pa.string(), pa.string(), pa.string(), pa.string(), pa.int64(), pa.float64(), pa.float64())
    return pa.table({name: pa.array([], kind) for name, kind in zip(names, types, strict=True)})
