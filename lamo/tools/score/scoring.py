"""Predictions of somebody else's model as a row of a run's table: scored as stage 07 scores the run's own rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lamo.errors import LamoError
from lamo.metrics.across_runs import OF_SAMPLES
from lamo.metrics.comparisons import Difference, compare
from lamo.metrics.config import EVERY_LEARNED
from lamo.metrics.features.loading import load_clip_features, load_extractors
from lamo.metrics.long_form import Features, Scores
from lamo.metrics.perceptual import Lpips
from lamo.metrics.rows import rows_in_order
from lamo.metrics.scores import RolloutSet, score_row
from lamo.metrics.summary import summarise
from lamo.metrics.weights import check_weights
from lamo.rollout.control_names import ORACLE
from lamo.rollout.latent_scores import no_latent_scores
from lamo.stages import CONFIG_FILE
from lamo.stores.rollouts import Rollouts
from lamo.tools.score.finished_run import CONTEXT, SINGLE_TRUTH, TRUTH, FinishedRun
from lamo.tools.score.predictions import Expected, none_there, read_predictions
from lamo.tools.score.window_list import SEVERAL, SINGLE, check_list, listed
from lamo.training.device import pick_device


@dataclass(frozen=True)
class NewRow:
    """A row that was added to the table of a run.

    Attributes:
        name: its label.
        samples: futures of each window.
        scores: of the new row alone.
        table: the scores of the run with those of the row.
        differences: the row compared with others on the same windows.
        notes: sentences on what it lacks.
    """

    name: str
    samples: int
    scores: Scores
    table: Scores
    differences: list[Difference]
    notes: list[str]


@dataclass(frozen=True)
class Predictions:
    """What a model of somebody else predicts; `single` is None if it has no predictions of these windows."""

    several: Rollouts
    single: Rollouts | None

    @property
    def samples(self) -> int:
        """Futures of each window."""
        return self.several.frames.shape[1]


def read_row(folder: Path, run: FinishedRun, deterministic: bool) -> Predictions:
    """The predictions in `folder` of the windows of `run`.

    Raises:
        LamoError: the list of windows is missing or of another run, or predictions are missing or of another form.
    """
    check_list(folder, run)
    expected = Expected(run.steps(TRUTH), *run.size, run.rate_hz)
    found: dict[str, Rollouts] = {}
    for name, windows in listed(run).items():
        ids = [one.id for one in windows]
        if name == SINGLE and none_there(folder, ids):
            continue
        frames = read_predictions(folder, ids, expected, 1 if name == SINGLE else None)
        nothing = no_latent_scores(*frames.shape[:3])
        numbers = nothing.drift, nothing.error, nothing.spread
        found[name] = Rollouts(frames, *numbers, [one.window for one in windows], deterministic)
    several = found[SEVERAL]
    if deterministic and several.frames.shape[1] > 1:
        raise LamoError(
            f"--deterministic: found {several.frames.shape[1]} samples of each window in {folder}, expected one of a "
            "model without chance; leave the option out, or give one"
        )
    return Predictions(several, found.get(SINGLE))


def check_name(name: str, run: FinishedRun, over: Sequence[str]) -> None:
    """Whether the new row can have that name and be compared with the rows `over`. Raises `LamoError` if not."""
    if name == EVERY_LEARNED:
        raise LamoError(f"--name: found {name}, which stands for all learned rows; give another name")
    if name in run.samples:
        raise LamoError(f"--name: found {name}, which is a row of {run.folder} already; give another name")
    unknown = [label for label in over if label not in run.samples]
    if unknown:
        raise LamoError(f"--over: found no row {unknown[0]} in {run.folder}, expected some of {', '.join(run.samples)}")


def score_predictions(run: FinishedRun, predictions: Predictions, name: str, over: Sequence[str]) -> NewRow:
    """Score predictions as the row `name`, and compare it with the rows `over`.

    It counts as one training: it has no seed, and is compared with every seed of another row.

    Raises:
        LamoError: a store of the run is damaged, or the network of its features is missing.
    """
    metrics = run.metrics
    _check_scored(run)
    check_weights(metrics)
    device = pick_device()
    extractors = load_extractors(metrics.fid.weights, run.places["features"], device)
    lpips = Lpips(metrics.lpips.weights, device) if metrics.lpips.weights else None
    clips = load_clip_features(metrics.fvd.weights, *run.held_out(), run.steps(CONTEXT), device)
    truth, single_truth = run.rollouts(TRUTH), run.rollouts(SINGLE_TRUTH)
    rolled_out = RolloutSet(name, name, None, predictions.several, predictions.single)
    oracle = run.rollouts(f"controls/{ORACLE}")
    (scored,) = score_row([rolled_out], truth, oracle, run.rate_hz, extractors, run.horizons_s, lpips, clips)
    # Skill is measured against this row, whose distances are known.
    reference = replace(run.reference(), features={}, windows=[])
    both = summarise(
        [scored, reference],
        truth.windows,
        single_truth,
        run.rate_hz,
        extractors,
        run.horizons_s,
        run.metrics.bootstrap,
        clips,
    )
    own = _only(both, name)
    table = _joined(run.scores, own)
    differences = _differences(run, table, name, over, predictions)
    return NewRow(name, predictions.samples, own, table, differences, _notes(run, predictions, name, over))


def _check_scored(run: FinishedRun) -> None:
    """Whether the run was scored as its configuration says, which a run that was started again need not be.

    Raises:
        LamoError: it was not.
    """
    metrics = run.metrics
    found = {one.metric for one in run.scores.features}
    found |= set(pc.unique(run.scores.summary["metric"]).to_pylist()) & {"lpips"}
    expected = {name for name in ("fvd", "lpips") if getattr(metrics, name).weights}
    scored = {round(value, 6) for value in run.scores.summary["horizon_s"].to_pylist()}
    missing = [horizon for horizon in metrics.horizons_s if round(horizon, 6) not in scored]
    if missing or found & {"fvd", "lpips"} != expected or ("fid" in found) != bool(metrics.fid.weights):
        raise LamoError(
            f"{run.folder}: found scores that were made with other settings of metrics than its {CONFIG_FILE} has, "
            "expected a finished run; run it to its end"
        )


def _only(scores: Scores, name: str) -> Scores:
    """The scores of one row."""
    values, replicates, summary = (
        table.filter(pc.equal(table["method"], name)) for table in (scores.values, scores.replicates, scores.summary)
    )
    return replace(scores, values=values, replicates=replicates, summary=summary)


def _joined(run: Scores, own: Scores) -> Scores:
    """The scores of a run with those of one more row, which stands below the learned ones."""
    lines = run.summary.to_pylist() + own.summary.to_pylist()
    places = [(line["method"], line["sampler"]) for line in lines]
    order = rows_in_order(places)
    # The lines of a row stay as they are: tables show metrics in the order of the run's first row.
    by_row = sorted(range(len(lines)), key=lambda number: order.index(places[number]))
    return replace(
        run,
        values=pa.concat_tables([run.values, own.values]),
        replicates=pa.concat_tables([run.replicates, own.replicates]),
        summary=pa.concat_tables([run.summary, own.summary]).take(by_row),
        features=[_widened(one, other) for one, other in zip(run.features, own.features, strict=True)],
    )


def _widened(one: Features, other: Features) -> Features:
    """The features with a range of biases that holds those of both."""
    known = [bias for bias in (*one.bias, *other.bias) if math.isfinite(bias)]
    return replace(one, bias=(min(known), max(known))) if known else one


def _differences(
    run: FinishedRun, table: Scores, name: str, over: Sequence[str], predictions: Predictions
) -> list[Difference]:
    """The new row minus each of the rows `over`, in what can be compared."""
    values = table.values
    if predictions.single is None:
        # Only distances belong to no clip.
        values = values.filter(pc.is_valid(values["clip"]))
    pairs = [f"{name} over {label}" for label in over]
    found, _ = compare(values, table.replicates, run.horizons_s, pairs, run.metrics.bootstrap.resamples)
    apart = _other_counts(run, over, predictions)
    return [one for one in found if not (one.metric in OF_SAMPLES and one.second in apart)]


def _other_counts(run: FinishedRun, over: Sequence[str], predictions: Predictions) -> list[str]:
    """The rows with another number of samples, the mean of which is not comparable. One without chance has but one."""
    if predictions.several.deterministic:
        return []
    return [label for label in over if run.samples[label] != predictions.samples and label not in run.without_chance]


def _notes(run: FinishedRun, predictions: Predictions, name: str, over: Sequence[str]) -> list[str]:
    """Sentences on what the new row lacks, and why."""
    notes = []
    if predictions.single is None:
        notes.append(
            f"{name} has no predictions of the windows with one future each, so it has no distances between "
            "distributions."
        )
    if predictions.samples == 1 and not predictions.several.deterministic:
        notes.append(
            f"{name} has one sample of each window, so it has no energy scores. Give several samples, or say "
            "--deterministic if the model has no chance."
        )
    apart = _other_counts(run, over, predictions)
    if apart:
        notes.append(
            f"The mean of the samples of {name} is not compared with that of {', '.join(apart)}, which have other "
            "numbers of samples."
        )
    return notes
