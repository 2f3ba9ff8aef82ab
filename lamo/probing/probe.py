"""What motion tokens mean: a linear regression from the tokens of a step to the true ego motion of that step.

Shapes: S steps of a clip, L motion levels, M tokens, D_m their width, P patches, D_z state width, Q targets, C clips.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from lamo.metrics.config import BootstrapConfig
from lamo.probing.clip_sample import open_enough
from lamo.probing.ego_motion import TARGETS, EgoMotion
from lamo.progress import Bar
from lamo.rollout.windows import thin
from lamo.statistics.intervals import ClipBootstrap, Interval
from lamo.statistics.ridge import Linear, Summing, fit_chosen
from lamo.stores.frames import FramesStore
from lamo.stores.latents import LatentsStore

logger = logging.getLogger(__name__)

MOTION, SHUFFLED = "motion_all", "motion_shuffled"
# Rows and columns into which the image is divided: few, so that there are no more features than motion tokens have.
REGIONS = (2, 5)
# Own choices: clips at most that are fitted on, and held-out clips that are scored on; ridges to choose from, for
# features of unit variance and the mean squared error; share of the training clips on which the ridge is chosen.
CLIPS = 300
RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
SELECTION_SHARE = 0.2


@dataclass(frozen=True)
class ClipSteps:
    """The steps of one clip: `inputs` name -> [S, F] (see `step_inputs`); true `targets` [S, Q]."""

    clip_id: str
    inputs: dict[str, np.ndarray]
    targets: np.ndarray


@dataclass(frozen=True)
class ProbeRow:
    """How well a target can be read from an input: R squared and root mean squared error on held-out clips."""

    inputs: str
    target: str
    features: int
    ridge: float
    r2: Interval
    rmse: float


@dataclass(frozen=True)
class Probe:
    """All rows of the table, and what the motion tokens of all levels predict for the held-out steps.

    Attributes:
        rows: a row for each input and target.
        true: true targets of all held-out steps, [N, Q].
        predicted: predictions of them from the motion tokens of all levels, [N, Q].
        fitted: numbers of clips and steps that were fitted to.
        held_out: numbers of clips and steps that were scored.
    """

    rows: list[ProbeRow]
    true: np.ndarray
    predicted: np.ndarray
    fitted: tuple[int, int]
    held_out: tuple[int, int]

    def row(self, inputs: str, target: str) -> ProbeRow:
        """The row of an input and a target."""
        return next(row for row in self.rows if (row.inputs, row.target) == (inputs, target))


def step_inputs(motion: np.ndarray, state: np.ndarray, grid: tuple[int, int]) -> dict[str, np.ndarray]:
    """Inputs of the regressions: the motion tokens of a step and, as a control, the state of the frame before it.

    `motion` [S, L, M, D_m] and `state` [S, P, D_z] on a patch `grid` -> name -> float32 [S, F].
    """
    motion, state = motion.astype(np.float32), state.astype(np.float32)
    inputs = {MOTION: motion.reshape(len(motion), -1)}
    levels = range(motion.shape[1]) if motion.shape[1] > 1 else ()
    inputs |= {f"motion_level_{level}": motion[:, level].reshape(len(motion), -1) for level in levels}
    inputs["state_mean"] = state.mean(axis=1)
    image = torch.from_numpy(state).transpose(1, 2).unflatten(2, grid)
    regions = min(REGIONS[0], grid[0]), min(REGIONS[1], grid[1])
    inputs["state_regions"] = F.adaptive_avg_pool2d(image, regions).flatten(1).numpy()
    return inputs


class ProbeClips:
    """Some clips of a split with their true motion, read one at a time, in a fixed order."""

    def __init__(
        self,
        stores: Iterable[tuple[LatentsStore, FramesStore]],
        truth: EgoMotion,
        name: str,
        clips: int = CLIPS,
    ) -> None:
        """`stores`: latents and frames of each shard, opened only as far as `clips` clips need them."""
        shards = open_enough((Shard(*pair) for pair in stores), clips)
        everything = [(shard, index) for shard in shards for index in range(len(shard))]
        self._clips = thin(everything, clips)
        self._truth = truth
        self._name = name

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[ClipSteps]:
        for shard, index in Bar(self._clips, desc=f"probe: {self._name}", unit="clip", mininterval=2.0):
            clip_id, motion, state, times = shard.read(index)
            yield ClipSteps(clip_id, step_inputs(motion, state, shard.latents.grid), self._truth.of(clip_id, times))

    def targets(self) -> list[np.ndarray]:
        """The true targets of all clips, [S, Q] each."""
        return [self._truth.of(shard.latents.clip_ids[index], shard.times(index)) for shard, index in self._clips]


@dataclass(frozen=True)
class Shard:
    """Latents and frames of the same clips."""

    latents: LatentsStore
    frames: FramesStore

    def __len__(self) -> int:
        return len(self.latents)

    def times(self, index: int) -> np.ndarray:
        """Presentation times of the frames of a clip, in s."""
        first, last = self.latents.offsets[index : index + 2]
        return self.frames.times[first:last]

    def read(self, index: int) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
        """Id, motion tokens [S, L, M, D_m] and states [S, P, D_z] of the steps of a clip, and its times [S + 1]."""
        first, last = (int(offset) for offset in self.latents.offsets[index : index + 2])
        steps = slice(first, last - 1)  # the last frame leads nowhere
        return self.latents.clip_ids[index], self.latents.motion[steps], self.latents.state[steps], self.times(index)


def of_others(targets: Sequence[np.ndarray]) -> list[np.ndarray]:
    """For each clip the targets of the next clip, repeated or cut to its own length. A lone clip gets its own targets,
    moved by half its length."""
    if len(targets) == 1:
        return [np.roll(targets[0], len(targets[0]) // 2, axis=0)]
    return [np.resize(other, own.shape) for own, other in zip(targets, [*targets[1:], targets[0]], strict=True)]


def run_probe(train: ProbeClips, held_out: ProbeClips, bootstrap: BootstrapConfig) -> Probe:
    """Fit on `train`, score on `held_out`."""
    models, fitted = _fit(train)
    return _score(models, fitted, held_out, bootstrap)


def _fit(train: ProbeClips) -> tuple[dict[str, Linear], tuple[int, int]]:
    """For each input a linear model of the true targets and of other clips'; and the numbers of clips and steps."""
    selected = set(thin(list(range(len(train))), max(1, round(SELECTION_SHARE * len(train)))))
    parts: dict[str, tuple[Summing, Summing]] = {}
    steps = 0
    for index, (clip, others) in enumerate(zip(train, of_others(train.targets()), strict=True)):
        steps += len(others)
        for name, values in clip.inputs.items():
            part = parts.setdefault(name, (Summing(), Summing()))[index in selected]
            part.add(values, np.hstack([clip.targets, others]))
    if len(selected) == len(train):
        logger.warning("probe: one training clip only, so the ridge is chosen on the clip that is fitted to")
        parts = {name: (selection, selection) for name, (_, selection) in parts.items()}
    models = {name: fit_chosen(fit.total(), held.total(), RIDGES) for name, (fit, held) in parts.items()}
    return models, (len(train), steps)


def _score(models: dict[str, Linear], fitted: tuple[int, int], held_out: ProbeClips, config: BootstrapConfig) -> Probe:
    """All rows of the table: every input against the true targets, and motion tokens against other clips' too."""
    ids, values, predicted = [], [], []
    errors: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for clip, others in zip(held_out, of_others(held_out.targets()), strict=True):
        ids.append(clip.clip_id)
        values.append(np.hstack([clip.targets, others]))
        for name, model in models.items():
            found = model(clip.inputs[name])
            errors[name].append(np.square(found - values[-1]).sum(axis=0))
            if name == MOTION:
                predicted.append(found[:, : len(TARGETS)])
    score = Score(values, ClipBootstrap(ids, config.resamples))
    rows = []
    for name, source, behind in [(name, name, 0) for name in models] + [(SHUFFLED, MOTION, len(TARGETS))]:
        model, squares = models[source], np.stack(errors[source])
        for place, target in enumerate(TARGETS, start=behind):
            r2, rmse = score.of(squares[:, place], place)
            rows.append(ProbeRow(name, target, len(model.weights), float(model.ridges[place]), r2, rmse))
    true = np.concatenate(values)[:, : len(TARGETS)]
    return Probe(rows, true, np.concatenate(predicted), fitted, (len(ids), len(true)))


class Score:
    """R squared of predictions, with its interval over clips."""

    def __init__(self, values: Sequence[np.ndarray], bootstrap: ClipBootstrap) -> None:
        """`values`: the true targets [S, Q] of each clip, in the order of the clips that `bootstrap` was given."""
        self._bootstrap = bootstrap
        # The first row is the sample itself.
        self._weights = np.concatenate([np.ones((1, len(values))), bootstrap.window_weights])
        self._count = np.array([len(clip) for clip in values], dtype=np.float64)
        self._sums = np.stack([clip.sum(axis=0) for clip in values])
        self._squares = np.stack([np.square(clip).sum(axis=0) for clip in values])

    def of(self, errors: np.ndarray, target: int) -> tuple[Interval, float]:
        """R squared and root mean squared error from the sums [C] of squared errors of each clip for one target.

        R squared is NaN for a target that does not vary.
        """
        squares = self._weights @ self._squares[:, target]
        total = squares - np.square(self._weights @ self._sums[:, target]) / (self._weights @ self._count)
        r2 = 1 - (self._weights @ errors) / np.where(total > 1e-12 * squares, total, np.nan)
        return self._bootstrap.interval(r2[0], r2[1:]), float(np.sqrt(errors.sum() / self._count.sum()))
