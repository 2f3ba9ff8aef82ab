"""The jobs of the study: train one predictor, roll it out, score it; or score the controls. One job is one process.

Shapes: W windows, S samples, T rollout steps, of which H are scored.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from lamo.jobs.provenance import device, git_state
from lamo.metrics.pixel import score_frames
from lamo.metrics.samples import score_samples
from lamo.predictors.build import load_predictor
from lamo.predictors.config import PredictorConfig
from lamo.predictors.data import LatentWindows, geometry_of
from lamo.predictors.interface import Predictor
from lamo.predictors.sampler import Sampler
from lamo.predictors.statistics import Statistics
from lamo.predictors.train import LOG, train_predictor
from lamo.rollout.autoregressive import Plan, roll_out
from lamo.rollout.blur import fit_blur
from lamo.rollout.controls import roll_out_control, true_frames
from lamo.rollout.loading import load_models
from lamo.rollout.windows import ClipFrames, choose_windows, thin
from lamo.stores.atomic import read_json, write_json
from lamo.stores.frames import open_frames
from lamo.stores.latents import open_latents
from lamo.stores.rollouts import Rollouts, Window
from lamo.training.device import pick_device
from lamo.training.session import Session, training_session
from studies.ablations.worlds import Stages, stores
from studies.common import key_of

CONTROLS = ("decoder_ceiling", "oracle_motion", "constant_motion", "persistence_blurred")
METRICS = ("psnr", "psnr_mean", "ssim", "ssim_mean", "energy_score", "sharpness")
FRAMES, LATENTS, FACTS = "01_frames/frames", "03_latents/latents", "facts.json"


@dataclass(frozen=True)
class Evaluation:
    """What all variants are measured on.

    Attributes:
        frames: results/<run>, whose frames are the truth.
        longest: the longest history K of the study. Windows are chosen for it; shorter histories start later, so that
            all predict the same frames.
        steps: rollout steps that are scored, counted from 1.
        stride, per_clip: distance between the windows of a clip in frames, and how many a clip gives at most.
        samples, seed, batch, mixed_precision: as in `Plan`.
        blur_sigmas, blur_windows: for the blurred persistence, as in `RolloutsConfig`.
    """

    frames: Path
    longest: int
    steps: tuple[int, ...]
    stride: int
    per_clip: int
    samples: int
    seed: int
    batch: int
    mixed_precision: bool
    blur_sigmas: tuple[float, ...]
    blur_windows: int

    def plan(self, history: int) -> Plan:
        """The plan of rollouts with K = `history`."""
        return Plan(history, max(self.steps), self.samples, self.batch, self.seed, self.mixed_precision)

    def windows(self, clips: ClipFrames, history: int) -> list[Window]:
        """Windows with K = `history`; their frames to predict are the same for every K."""
        length = self.plan(self.longest).length
        chosen = choose_windows(clips.lengths(), length, self.stride, self.per_clip)
        return [Window(one.clip_id, one.start + self.longest - history) for one in chosen]

    def clips(self, split: str) -> ClipFrames:
        """The frames of one split."""
        return ClipFrames(open_frames(*stores(self.frames, FRAMES, split)))

    def settings(self) -> dict[str, Any]:
        """All that a score depends on beside the models; batches change nothing but rounding."""
        return {name: value for name, value in asdict(self).items() if name not in ("frames", "batch")}


@dataclass(frozen=True)
class Job:
    """One training with the rollouts of its samplers; without `predictor`, the controls.

    Attributes:
        label: for people.
        stages: of stages 02 to 04.
        evaluation: what is scored.
        rows: names of samplers, or of controls.
        folder: of the study on this run; results lie in scores/, trained predictors in models/.
        code: hash of the code that computes it.
        history: K of the rollouts.
        predictor: what is trained.
        seed: of the training.
    """

    label: str
    stages: Stages
    evaluation: Evaluation
    rows: tuple[str, ...]
    folder: Path
    code: str
    history: int
    predictor: PredictorConfig | None = None
    seed: int = 0

    @property
    def key(self) -> str:
        """Of what is trained and of the code; equal jobs are done once, and all again after the code changed."""
        predictor = self.predictor and self.predictor.model_dump(mode="json")
        return key_of([self.stages.key, predictor, self.history, self.seed, self.code])

    def file(self, row: str) -> Path:
        """Where the scores of a sampler or control are kept, named by all that they depend on."""
        return self.folder / "scores" / f"{row}-{key_of([self.key, row, self.evaluation.settings()])}.json"

    @property
    def model(self) -> Path:
        """Folder of the trained predictor."""
        return self.folder / "models" / self.key

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The rows that have no result yet."""
        return tuple(row for row in self.rows if not self.file(row).exists())


def run_job(job: Job) -> str:
    """Computes what of `job` is unfinished; a line for people. Raises `LamoError` on bad input or divergence."""
    begin = time.perf_counter()
    rows = job.unfinished
    facts = {} if job.predictor is None else trained_facts(job)
    found: dict[str, Any] = {}
    for row, scores in _scores(job, rows):
        found = {"row": row, "label": job.label, "windows": len(scores["psnr"]), "measured": measured(), **facts}
        write_json(job.file(row), {**found, "scores": scores})
    minutes = (time.perf_counter() - begin) / 60
    psnr = [f"{row} {np.mean(read_json(job.file(row))['scores']['psnr'], axis=0)[-1]:.2f}" for row in rows]
    return f"{job.label}: {minutes:.1f} min; PSNR at the last horizon: {', '.join(psnr)} dB"


def measured() -> dict[str, str]:
    """When, with which commit and on what a result is computed."""
    state, now = git_state(), device(torch.get_num_threads())
    commit = "no commit" if state is None else f"commit {state['commit'][:12]}{', changed' if state['dirty'] else ''}"
    machine = ", ".join([now["cpu"], *now["gpus"]])
    return {"date": str(date.today()), "commit": commit, "machine": machine, "torch": f"torch {version('torch')}"}


def trained_facts(job: Job) -> dict[str, Any]:
    """Trains the predictor of `job` unless that is done; what is known of the training."""
    folder = job.model
    if not (folder / FACTS).exists():
        begin = time.perf_counter()
        with training_session({}, torch.get_num_threads(), folder / "checkpoints", job.key) as session:
            _train(job, session)
        write_json(folder / FACTS, {"minutes": (time.perf_counter() - begin) / 60, **_last_validation(folder / LOG)})
    facts: dict[str, Any] = read_json(folder / FACTS)
    return facts


def _train(job: Job, session: Session) -> None:
    """As the workflow's stage 05 does."""
    assert job.predictor is not None
    folder = job.stages.folder
    statistics = Statistics.load(folder / "03_latents" / "statistics.safetensors")
    train, validation = (open_latents(*stores(folder, LATENTS, split)) for split in ("train", "val"))
    geometry = geometry_of(train, job.history)
    windows, held_out = (LatentWindows(one, job.history, statistics) for one in (train, validation))
    train_predictor(job.predictor, geometry, windows, held_out, job.seed, job.model, session)


def _last_validation(log: Path) -> dict[str, float]:
    """One-step errors at the end of a training, in variances of the target."""
    errors = pd.read_parquet(log, columns=["validation_error", "repeat_error"]).dropna()
    return {str(name): float(errors[name].iloc[-1]) for name in errors}


def _scores(job: Job, rows: tuple[str, ...]) -> Iterator[tuple[str, dict[str, list[list[float]]]]]:
    """Each row with its scores, metric -> [W, H]."""
    evaluation = job.evaluation
    clips, plan = evaluation.clips("val"), evaluation.plan(job.history)
    windows = evaluation.windows(clips, job.history)
    at = np.array(evaluation.steps) - 1
    truth = true_frames(clips, windows, plan).frames[:, :, at]
    folder = job.stages.folder
    statistics = folder / "03_latents" / "statistics.safetensors"
    world = load_models(folder / "02_midway", folder / "04_decoder", statistics, job.stages.levels, pick_device())
    predictor: Predictor | None = None
    if job.predictor is not None:
        predictor = load_predictor(job.model).to(pick_device())
    for row in rows:
        if predictor is None:
            sigmas = _sigmas(evaluation) if row == "persistence_blurred" else ()
            rolled = roll_out_control(row, world, clips, windows, plan, sigmas)
        else:
            rolled = roll_out(world, predictor, Sampler.parse(row), clips, windows, plan)
        yield row, score(rolled, truth, at)


def score(rolled: Rollouts, truth: np.ndarray, at: np.ndarray) -> dict[str, list[list[float]]]:
    """Metric -> [W, H] of rollouts at the steps `at` (from 0) against `truth` uint8 [W, 1, H, height, width, 3].

    `psnr`, `ssim` and `sharpness` are means over single samples; `psnr_mean`, `ssim_mean` are of the samples' mean.
    """
    frames = np.ascontiguousarray(rolled.frames[:, :, at])
    single = score_frames(frames, truth)
    joint = score_samples(frames, truth, single)
    values = {name: getattr(single, name).mean(axis=1) for name in ("psnr", "ssim", "sharpness")}
    values |= {name: getattr(joint, name) for name in ("psnr_mean", "ssim_mean", "energy_score")}
    return {name: values[name].tolist() for name in METRICS}


def _sigmas(evaluation: Evaluation) -> list[float]:
    """Blur of each rollout step, fitted on training clips."""
    clips, plan = evaluation.clips("train"), evaluation.plan(evaluation.longest)
    windows = thin(evaluation.windows(clips, evaluation.longest), evaluation.blur_windows)
    return fit_blur(clips, windows, plan.history, plan.steps, evaluation.blur_sigmas, evaluation.batch)
