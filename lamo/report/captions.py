"""Captions of the tables: how many clips, samples and seeds, and what the numbers are."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from lamo.metrics.catalogue import Metric
from lamo.metrics.distribution import MIN_CLIPS
from lamo.metrics.long_form import Scores
from lamo.metrics.rows import is_learned
from lamo.statistics.intervals import MIN_UNITS

Rows = list[dict[str, Any]]


def main_caption(rows: Rows, scores: Scores, metrics: Sequence[Metric], run: str, description: str) -> str:
    """Caption of the main table, which shows `metrics`; `description` is the feature extractor's."""
    bias = "not estimated: too few clips or windows"
    if all(math.isfinite(b) for b in scores.frechet_bias):
        bias = f"by {scores.frechet_bias[0]:.2g} to {scores.frechet_bias[1]:.2g}, jackknife estimate"
    distances = ", ".join(one.title for one in metrics if one.of_sets)
    parts = [
        f"{_counts(rows, scores, run)} Values are means of the scores of single samples, never of the best of several; "
        f"± is {_interval(rows)}.",
        *_explained(metrics),
        f"{distances or 'Frechet distance'}: lower is better. {description} It compares {scores.windows} predicted "
        f"with as many true frames, one per window, and is biased upwards at that number ({bias}): compare within "
        f"this table only; its interval is made by leaving out clips in turn, and n/a with fewer than {MIN_UNITS}.",
    ]
    return " ".join(parts)


def samples_caption(rows: Rows, scores: Scores, metrics: Sequence[Metric], run: str) -> str:
    """Caption of the table of samples, which shows `metrics`."""
    parts = [f"{_counts(rows, scores, run)} ± is {_interval(rows)}.", *_explained(metrics)]
    if any(one.name == "coverage" for one in metrics):
        parts.append(f"Of coverage, {_nominal(rows)}.")
    parts += [
        f"{_infinite(rows[0]['n_clips'], scores.windows)}.",
        f"KID: kernel distance of the same {scores.windows} frames at once, unbiased for independent sets; predictions "
        "that resemble their own truth draw it below 0.",
        f"Intervals of both are made by leaving out clips in turn, and n/a with fewer than {MIN_UNITS}.",
    ]
    return " ".join(parts)


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


def _infinite(clips: int, windows: int) -> str:
    if clips < MIN_CLIPS:
        return f"∞: Frechet distance at infinitely many frames, n/a because {clips} clips are fewer than {MIN_CLIPS}"
    return (
        "∞: Frechet distance extrapolated linearly in 1/N from the whole set and its halves to infinitely many frames; "
        f"N is {windows}, and where half of it is not well above the number of features a part of the bias stays"
    )


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
