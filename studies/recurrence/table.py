"""The tables of the study, from the stored results of its variants."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamo.errors import LamoError
from lamo.statistics.intervals import ClipBootstrap, Interval
from studies.recurrence.evaluation import METHODS, METRICS
from studies.recurrence.settings import Study

NAMES = {
    "shuffled_motion": "shuffled motion", "decoder_ceiling": "decoder ceiling",
    "persistence_latent": "persistence, decoded", "persistence_pixels": "persistence, pixels",
    "persistence_blurred": "persistence, blurred",
}  # fmt: skip
WITHOUT_MODEL = ("persistence_pixels", "persistence_blurred")
DIGITS = {"psnr": 2, "ssim": 3, "sharpness": 2}
TITLES = {"psnr": "PSNR", "ssim": "SSIM", "sharpness": "sharpness"}


@dataclass(frozen=True)
class Results:
    """Stored results of one dataset: variant -> one per seed."""

    study: Study
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    bootstrap: ClipBootstrap

    def values(self, variant: str, method: str, metric: str) -> np.ndarray | None:
        """[W, seeds, steps]; None where a rollout was not finite."""
        found = [row["scores"].get(method) for row in self.rows[variant]]
        return None if None in found else np.stack([np.array(one[metric]) for one in found], axis=1)

    def intervals(self, variant: str, method: str, metric: str) -> list[Interval] | None:
        """Mean and interval at each step."""
        values = self.values(variant, method, metric)
        return None if values is None else self.bootstrap.means(values)

    def gain(self, variant: str, over: str, method: str) -> Interval | None:
        """PSNR of the oracle rollout of `variant` over `method` of the variant `over`, window by window, at the last
        step."""
        ours, theirs = self.values(variant, "oracle_motion", "psnr"), self.values(over, method, "psnr")
        if ours is None or theirs is None:
            return None
        return self.bootstrap.mean(ours[..., -1].mean(1) - theirs[..., -1].mean(1))


def collect(study: Study, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Results:
    """The results of one dataset; raises `LamoError` if they are of different windows."""
    windows = [row["windows"] for of_variant in rows.values() for row in of_variant]
    if any(one != windows[0] for one in windows):
        raise LamoError("the stored results are of different windows; run all variants again")
    clips = [clip for clip, _ in windows[0]]
    return Results(study, rows, ClipBootstrap(clips, study.config.resamples, seed=0))


def markdown(results: Results, dataset: str) -> str:
    """The tables of one dataset."""
    config, boot = results.study.config, results.bootstrap
    seeds = sorted({row["seed"] for rows in results.rows.values() for row in rows})
    windows = boot.window_weights.shape[1]
    intro = (
        f"`{dataset}`: {windows} rollouts of {max(config.steps)} steps on {boot.clips} held-out clips, training seeds "
        f"{', '.join(map(str, seeds))}; ± is half the 95 % interval over clips."
    )
    return "\n\n".join([intro, _choice(results), _scores(results), *_footnotes(results)]) + "\n"


def _choice(results: Results) -> str:
    """Who wins: PSNR and its margins at the last step."""
    config = results.study.config
    last, about = config.steps[-1], {one.name: one.about for one in results.study.variants}
    head = [
        "variant", "what", *(f"PSNR {step}" for step in config.steps), f"SSIM {last}", f"sharpness {last}",
        f"over shuffled {last}", f"over blurred {last}", f"against {config.base} {last}", "minutes", "frames seen",
    ]  # fmt: skip
    lines = []
    for name, rows in results.rows.items():
        cells = [cell for metric in METRICS for cell in _cells(results, name, "oracle_motion", metric)]
        count = len(config.steps)
        margins = [
            _shown(results.gain(name, name, "shuffled_motion"), 2, sign=True),
            _shown(results.gain(name, name, "persistence_blurred"), 2, sign=True),
            "" if name == config.base or config.base not in results.rows
            else _shown(results.gain(name, config.base, "oracle_motion"), 2, sign=True),
        ]  # fmt: skip
        minutes = f"{np.mean([row['minutes'] for row in rows]):.1f}" if rows[0]["trains"] else ""
        samples = f"{rows[0]['samples']:,}" if rows[0]["trains"] else ""
        lines.append([name, about[name], *cells[:count], cells[2 * count - 1], cells[-1], *margins, minutes, samples])
    return _table(head, lines, left=2)


def _scores(results: Results) -> str:
    """All scores of the oracle rollouts, and the controls: shuffled motion of the base alone, those that depend on the
    decoder for every decoder there is."""
    steps, base = results.study.config.steps, results.study.config.base
    head = ["oracle rollouts and controls", *(f"{TITLES[metric]} {step}" for metric in METRICS for step in steps)]
    rows = [(name, name, "oracle_motion") for name in results.rows]
    shown = set()
    for method in METHODS[1:]:
        for name in [base] if method == "shuffled_motion" and base in results.rows else results.rows:
            values = results.values(name, method, "psnr")
            same = (method, None if values is None else values.tobytes())
            if same not in shown:
                shown.add(same)
                own = "" if method in WITHOUT_MODEL else f" ({name})"
                rows.append((f"{NAMES[method]}{own}", name, method))
    lines = [
        [label, *(cell for metric in METRICS for cell in _cells(results, name, method, metric))]
        for label, name, method in rows
    ]
    return _table(head, lines, left=1)


def _footnotes(results: Results) -> list[str]:
    notes = []
    for name, rows in results.rows.items():
        errors = rows[0].get("recomputation_error")
        if errors:
            values = ", ".join(f"{error:.2g}" for error in errors)
            notes.append(f"`{name}`: recomputed from true frames, the upper levels miss the true ones by {values} of "
                         "their variance (finer levels first).")  # fmt: skip
    return notes


def _cells(results: Results, variant: str, method: str, metric: str) -> list[str]:
    intervals = results.intervals(variant, method, metric)
    if intervals is None:
        return ["not finite"] * len(results.study.config.steps)
    return [_shown(one, DIGITS[metric]) for one in intervals]


def _shown(one: Interval | None, digits: int, sign: bool = False) -> str:
    if one is None:
        return "not finite"
    mean = f"{one.mean:{'+' if sign else ''}.{digits}f}"
    return mean if np.isnan(one.low) else f"{mean} ±{(one.high - one.low) / 2:.{digits}f}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]], left: int) -> str:
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *lines))


def long_form(results: Results) -> str:
    """Every mean with its interval, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["variant", "method", "metric", "step", "mean", "low", "high"])
    for name in results.rows:
        for method in METHODS:
            for metric in METRICS:
                for step, one in zip(
                    results.study.config.steps, results.intervals(name, method, metric) or (), strict=False
                ):
                    writer.writerow([name, method, metric, step, *(f"{v:.5g}" for v in (one.mean, one.low, one.high))])
    return text.getvalue()
