"""Differences between the same rows of two runs on the windows that both have.

Scores in a unit of the run's own are left out: features are divided by the spread of the run's true frames, likelihoods
are of tokens as the run normalises them. Distances between distributions belong to no window.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lamo.errors import LamoError
from lamo.metrics.comparisons import WINDOW, Difference, compare
from lamo.metrics.long_form import without_forks
from lamo.metrics.rows import NO_SAMPLER, REFERENCE

RESAMPLES = 1000
SCORES = "07_metrics/metrics.parquet"
TABLE = "07_metrics/table.csv"
OWN_UNIT = ("energy_features", "distance_features", "nll_motion", "nll_state")
OF_SAMPLES = ("psnr_mean",)
"""Of the scores that are compared, those that depend on how many samples of a window there are."""
SAME_DB = 1e-3
"""How far the PSNR of the last observed frame may differ between two runs on the same pictures; dB."""


def compare_runs(first: Path, second: Path, rows: Sequence[str] | None = None) -> tuple[list[Difference], list[str]]:
    """`second` minus `first` for each row that both have (or each of `rows`), at the horizons of both tables.

    Rows are named by run and label. Also returns what has to be said of what was left out.

    Raises:
        LamoError: the runs have no windows, horizons, rows or training seeds of a row in common, lack one of `rows`, or
            have other pictures under the same names.
    """
    runs = (first, second)
    names = [run.resolve().name for run in runs]
    if names[0] == names[1]:
        names = [str(run) for run in runs]
    values = [_values(run) for run in runs]
    wanted = _rows(values, runs, rows)
    shared, notes = _shared_windows(values, runs)
    values = [one.merge(shared) for one in values]
    _same_pictures(values, runs)
    values = [one[one["label"].isin(wanted)] for one in values]
    values, more = _comparable(values, runs)
    table = _renamed(pd.concat([one.assign(run=name) for one, name in zip(values, names, strict=True)]))
    horizons = sorted(set.intersection(*(_horizons(run) for run in runs)))
    if not horizons:
        raise LamoError(f"{second}: found no horizon of its table in that of {first}; set metrics.horizons_s alike")
    pairs = [f"{_name(names[1], label)} over {_name(names[0], label)}" for label in wanted]
    found, missing = compare(table, _no_replicates(), horizons, pairs, RESAMPLES)
    if missing:
        raise LamoError(f"{first}, {second}: found names with ' over ' in them, expected others; rename the folders")
    return found, notes + more


def _values(run: Path) -> pd.DataFrame:
    """The scores of the windows of a run, without windows that were chosen at a fork, with the label of each row."""
    values = without_forks(pq.read_table(run / SCORES)).to_pandas()
    values = values[values["clip"].notna() & ~values["metric"].isin(OWN_UNIT)]
    return values.assign(label=np.where(values["sampler"] == NO_SAMPLER, values["method"], values["sampler"]))


def _rows(values: Sequence[pd.DataFrame], runs: Sequence[Path], rows: Sequence[str] | None) -> list[str]:
    """The labels to compare, in the order of the first run."""
    labels = [list(dict.fromkeys(one["label"])) for one in values]
    wanted = list(rows) if rows else [label for label in labels[0] if label in labels[1]]
    for run, known in zip(runs, labels, strict=True):
        missing = [label for label in wanted if label not in known]
        if missing or not wanted:
            raise LamoError(
                f"{run}: found no row {', '.join(missing) or 'of the other run'}, expected some of {', '.join(known)}"
            )
    return wanted


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


def _same_pictures(values: Sequence[pd.DataFrame], runs: Sequence[Path]) -> None:
    """Whether windows of one name hold the same frames, by the score of a row that nothing learned has a part in."""
    keys = [*WINDOW, "step"]
    psnr = [one[(one["label"] == REFERENCE) & (one["metric"] == "psnr")].set_index(keys)["value"] for one in values]
    apart = (psnr[0] - psnr[1]).abs().max()
    if not apart < SAME_DB:
        raise LamoError(
            f"{runs[1]}: found other frames than {runs[0]} under the same names (the PSNR of the last observed frame "
            f"differs by {apart:.3g} dB), expected the same videos and the same longest history of the predictors"
        )


def _comparable(values: Sequence[pd.DataFrame], runs: Sequence[Path]) -> tuple[list[pd.DataFrame], list[str]]:
    """The scores of training seeds that both runs have, and of scores that depend on the number of samples only where
    both have as many; with a note on what is left out."""
    notes = []
    kept = list(values)
    seeds = [one.dropna(subset="seed").groupby("label", sort=False)["seed"].agg(set) for one in values]
    for label in seeds[0].index.intersection(seeds[1].index, sort=False):
        ours, theirs = seeds[0][label], seeds[1][label]
        if ours != theirs:
            if not ours & theirs:
                raise LamoError(f"{runs[1]}: found no training seed of {label} of {runs[0]}, expected one in common")
            both = ours & theirs
            kept = [one[(one["label"] != label) | one["seed"].isin(both)] for one in kept]
            notes.append(f"{label}: only training seeds {', '.join(f'{seed:.0f}' for seed in sorted(both))}")
    counts = [one[one["metric"] == "psnr"].groupby("label", sort=False)["sample"].nunique() for one in values]
    differ = [label for label in counts[0].index if counts[0][label] != counts[1].get(label)]
    if differ:
        kept = [one[~(one["label"].isin(differ) & one["metric"].isin(OF_SAMPLES))] for one in kept]
        notes.append(f"{', '.join(differ)}: other numbers of samples; scores that depend on them are left out")
    return kept, notes


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
