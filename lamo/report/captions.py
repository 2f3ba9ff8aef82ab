"""Captions of the tables: how many clips, samples and seeds, and what the numbers are."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from lamo.metrics.catalogue import Metric
from lamo.metrics.long_form import Scores
from lamo.metrics.rows import is_learned
from lamo.statistics.intervals import MIN_UNITS

Rows = list[dict[str, Any]]


def main_caption(rows: Rows, scores: Scores, metrics: Sequence[Metric], run: str) -> str:
    """Caption of the main table, which shows `metrics`."""
    parts = [
        f"{_counts(rows, scores, run)} Values are means of the scores of single samples, never of the best of several; "
        f"± is {_interval(rows)}.",
        *_explained(metrics),
        *_distances(rows, scores, metrics),
    ]
    return " ".join(parts)


def samples_caption(rows: Rows, scores: Scores, metrics: Sequence[Metric], run: str) -> str:
    """Caption of the table of samples, which shows `metrics`."""
    parts = [f"{_counts(rows, scores, run)} ± is {_interval(rows)}.", *_explained(metrics)]
    if any(one.name == "coverage" for one in metrics):
        parts.append(f"Of coverage, {_nominal(rows)}.")
    parts += _distances(rows, scores, metrics)
    return " ".join(parts)


def _distances(rows: Rows, scores: Scores, metrics: Sequence[Metric]) -> Iterator[str]:
    """Sentences on the distances between distributions that a table shows."""
    shown = {one.name: one.title for one in metrics if one.of_sets}
    if not shown:
        return
    frechet = [one for one in scores.features if one.metric in shown]
    for one in frechet:
        yield f"{shown[one.metric]}: lower is better. {one.description}"
        if scores.single_windows <= one.width:
            yield (
                f"It is n/a: with {one.width} features it takes at least {one.width + 1} windows, this run has "
                f"{scores.single_windows} (rollouts.single_windows)."
            )
        elif all(math.isfinite(bias) for bias in one.bias):
            yield f"It is biased upwards by {one.bias[0]:.2g} to {one.bias[1]:.2g} (jackknife estimate)."
    kernel = [title for name, title in shown.items() if name.startswith("kid_")]
    if kernel:
        yield (
            f"{' and '.join(kernel)}: lower is better. Kernel distance on the features of the Frechet distances, over "
            "pairs of frames of different clips (n/a with one clip), unbiased for any number of frames, so that it may "
            "fall below 0."
        )
    clips = "(of FVD and KVD: clips) " if any(name == "fvd" for name in shown) else ""
    seeds = "; each training seed has windows of its own" if max(row["n_seeds"] for row in rows) > 1 else ""
    yield (
        f"Distances compare {scores.single_windows} predicted frames {clips}with as many true ones, one of each of so "
        f"many windows{seeds}: compare within this table only. They do not see whether a frame is the right one of its "
        f"window. Their intervals are made by leaving out clips in turn, and n/a with fewer than {MIN_UNITS}."
    )


def _explained(metrics: Sequence[Metric]) -> Iterator[str]:
    """A sentence for each metric of a window; metrics that are explained by the same words share one."""
    titles: dict[str, list[str]] = {}
    for one in metrics:
        words = one.about or one.reading
        if words and not one.of_sets:
            titles.setdefault(words, []).append(one.title_with_unit)
    for words, names in titles.items():
        text = " and ".join(names)
        yield f"{text[0].upper()}{text[1:]}: {words}."


def _nominal(rows: Rows) -> str:
    counts = sorted({row["n_samples"] for row in rows} - {1})
    if not counts:
        return "no row has two samples"
    nominal = ", ".join(f"{(s - 1) / (s + 1):.3f} with {s}" for s in counts)
    return f"the nominal value is {nominal} samples; ties of 8-bit values are broken at random, in expectation"


def _counts(rows: Rows, scores: Scores, run: str) -> str:
    learned = [row for row in rows if is_learned(row["sampler"])] or rows
    samples = sorted({row["n_samples"] for row in learned})
    seeds = sorted({row["n_seeds"] for row in learned})
    return (
        f"{run}: {scores.windows} context windows from {rows[0]['n_clips']} held-out clips; learned rows with "
        f"{_span(samples, 'sample')} per window and {_span(seeds, 'training seed')}."
    )


def _interval(rows: Rows) -> str:
    if max(row["n_seeds"] for row in rows) > 1:
        return (
            "half the width of the 95 % interval, over clips (bootstrap) and, in learned rows, training seeds "
            "(Student's t)"
        )
    return (
        "half the width of the 95 % bootstrap interval over clips, which does not contain what another training seed "
        "would change"
    )


def _span(counts: list[int], noun: str) -> str:
    text = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{text} {noun}{'' if counts[-1] == 1 else 's'}"
