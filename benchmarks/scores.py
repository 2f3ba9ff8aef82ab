"""Which scores see what people see: forecasts of the synthetic world whose order is known, in the order of each score.

python -m benchmarks.scores [--drives N] [--windows N] [--docs DOCUMENT]

Prints a table of scores and one of orders; ten minutes on one core.
"""

import argparse
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.made_forecasts import ERRORS, Made, forecasts, make
from benchmarks.timing import machine, table
from lamo.metrics.feature_scores import feature_distances
from lamo.metrics.features.imagenet import ImageNetFeatures
from lamo.metrics.frechet import frechet_distance
from lamo.metrics.kid import weighted_kernel_distance
from lamo.metrics.samples import energy_score, frame_distances
from lamo.tools.documents import replace_between

SIZES = (0.03, 0.06)
COLUMNS = ("energy score, pixels", "energy score, features", "FD ImageNet", "KID ImageNet")
BEST, NOISE, ELSEWHERE, LAST = "other true futures", "+ independent noise", "another drive", "the last frame"
BETWEEN = [name for name in ERRORS if name != NOISE]
ORDERS = [
    *((BEST, name) for name in BETWEEN),
    *((name, NOISE) for name in BETWEEN),
    (BEST, ELSEWHERE),
    (BEST, LAST),
]
"""Pairs of forecasts of which the first is better."""
Scores = dict[str, tuple[float, ...]]


def score(made: Made, size: float, extract: ImageNetFeatures) -> Scores:
    """The scores of each forecast, as of `COLUMNS`, lower is better. Features as in the tables of a run."""
    true = extract(made.truth).astype(np.float64)
    mean = true.mean(axis=0)
    spread = np.sqrt(true.var(axis=0).mean())
    true = (true - mean) / spread
    found = {}
    for name, frames in forecasts(made, size):
        flat = extract(frames.reshape(-1, *frames.shape[2:])).astype(np.float64)
        features = ((flat - mean) / spread).reshape(*frames.shape[:2], -1)
        pixels = energy_score(*frame_distances(frames[:, :, None], made.truth[:, None, None]), False)
        seen = energy_score(*feature_distances(features[:, :, None], true[:, None]), False)
        kernel = weighted_kernel_distance(true, [features[:, 0]], made.clips, np.ones((1, len(true))))
        distance = frechet_distance(true, features[:, 0])
        found[name] = (float(pixels.mean()), float(seen.mean()), distance, float(kernel[0, 0]))
    return found


def right_orders(scores: Mapping[str, tuple[float, ...]]) -> dict[tuple[str, str], tuple[bool, ...]]:
    """For each of `ORDERS`, whether each score has it: the better forecast is lower by a fiftieth of what noise has."""
    return {
        (better, worse): tuple(
            other - one > noise / 50
            for one, other, noise in zip(scores[better], scores[worse], scores[NOISE], strict=True)
        )
        for better, worse in ORDERS
    }


def scores_table(scores: Mapping[float, Scores]) -> str:
    """A row for each forecast and size of the error."""
    rows = []
    for size, found in scores.items():
        for name, values in found.items():
            sized = name in ERRORS
            if sized or size == min(scores):
                shown = [f"{values[0]:.4f}", f"{values[1]:.3f}", f"{values[2]:.1f}", f"{values[3]:.2f}"]
                rows.append([f"{name}, {size:g}" if sized else name, *shown])
    return table(["forecast", *COLUMNS], rows)


def orders_table(scores: Mapping[float, Scores]) -> str:
    """A row for each order: whether the score has it with each size of the error."""
    found = [right_orders(one) for one in scores.values()]
    rows = []
    for pair in ORDERS:
        cells = []
        for column in range(len(COLUMNS)):
            have = [one[pair][column] for one in found]
            cells.append("yes" if all(have) else "**no**" if not any(have) else "**only where large**")
        rows.append([f"{pair[0]} before {pair[1]}", *cells])
    return table(["order", *COLUMNS], rows)


def main() -> None:
    """Render, score, print and, if asked to, write the tables into a document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--drives", type=int, default=60, help="drives whose futures are rendered")
    parser.add_argument("--windows", type=int, default=20, help="states of each of them")
    parser.add_argument("--docs", type=Path, help="document whose tables are replaced")
    options = parser.parse_args()
    made = make(options.drives, options.windows, samples=2)
    extract = ImageNetFeatures()
    scores = {size: score(made, size, extract) for size in SIZES}
    measured = (
        f"{len(made.truth)} states of {options.drives} drives, two futures of each; measured {date.today()} on "
        f"{machine(Path.cwd())}."
    )
    for name, text in (("made-scores", scores_table(scores)), ("made-orders", orders_table(scores))):
        print(f"{text}\n")
        if options.docs:
            replace_between(options.docs, name, text)
    print(measured)
    if options.docs:
        replace_between(options.docs, "made-measured", measured)


if __name__ == "__main__":
    main()
