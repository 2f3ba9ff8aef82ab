"""What stands below the tables: how many clips, samples and seeds, and what the numbers are."""

import math
from typing import Any

from lamo.metrics.catalogue import title
from lamo.metrics.distribution import MIN_CLIPS
from lamo.metrics.long_form import Scores
from lamo.statistics.intervals import MIN_UNITS

Rows = list[dict[str, Any]]


def main_caption(rows: Rows, scores: Scores, distance: str, run: str, description: str) -> str:
    """Caption of the main table; `distance` is its Frechet distance and `description` the feature extractor's."""
    bias = "not estimated: too few clips"
    if all(math.isfinite(b) for b in scores.frechet_bias):
        bias = f"by {scores.frechet_bias[0]:.2g} to {scores.frechet_bias[1]:.2g}, jackknife estimate"
    return (
        f"{_counts(rows, scores, run)} Values are means of the scores of single samples, never of the best of several; "
        f"± is {_interval(rows)}. PSNR (dB) and SSIM are of single frames, higher is better; sharpness is the gradient "
        "energy over that of the truth, 1 is right and 0.5 is blur. Energy: energy score of the samples' pixels, root "
        "mean square error less half the mean distance between samples, in 0..1 units, lower is better; a point "
        "forecast (one sample) scores its error. "
        f"{title(distance)}: lower is better. {description} It compares {scores.windows} predicted with as many true "
        f"frames, one per window, and is biased upwards at that number ({bias}): compare within this table only; "
        f"its interval is made by leaving out clips in turn, and n/a with fewer than {MIN_UNITS}."
    )


def samples_caption(rows: Rows, scores: Scores, run: str) -> str:
    """Caption of the table of samples."""
    parts = [
        f"{_counts(rows, scores, run)} ± is {_interval(rows)}.",
        "Best: score of the best of a window's samples, chosen with the truth in hand, so that it rises with their "
        "number; mean: score of the pixelwise mean of the samples; of one sample both are its score.",
        "Spread: mean distance between two samples (root mean square, pixels in 0..1).",
        f"Coverage: share of pixel values within the range of the samples; {_nominal(rows)}.",
        "Spread and coverage need two samples: n/a where a row has one.",
        "Latent energy and latent spread: the same of normalised latent states, n/a where a method has none.",
    ]
    if any(row["metric"] == "skill" for row in rows):
        parts.append("Skill: 1 - MSE / MSE of the last observed frame, single samples; 0 is no better than it.")
    parts += [
        f"{_infinite(rows[0]['n_clips'], scores.windows)}.",
        f"KID: kernel distance of the same {scores.windows} frames at once, unbiased for independent sets; predictions "
        "that resemble their own truth draw it below 0.",
        f"Intervals of both are made by leaving out clips in turn, and n/a with fewer than {MIN_UNITS}.",
    ]
    return " ".join(parts)


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
    learned = [row for row in rows if row["sampler"] != "-"] or rows
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
