"""What each job has to do: pieces of model work on the stages' own objects, and amounts of data."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

from lamo.probing.probe import CLIPS as PROBED_CLIPS
from lamo.probing.token_groups import BATCH as SWAPPED_TOGETHER
from lamo.rollout.control_names import CONTROLS, IDEAL
from lamo.tools.plan.clips import Clips
from lamo.tools.plan.geometry import Sizes
from lamo.tools.plan.pieces import Piece
from lamo.tools.plan.rollouts import control_calls, likelihood_calls, predictor_calls
from lamo.tools.plan.stages import Pieces
from lamo.tools.plan.trainings import decoder_steps, end_to_end_steps, features_steps, midway_steps, predictor_steps

Wildcards = Mapping[str, str]


@dataclass(frozen=True)
class Work:
    """What a job does.

    Attributes:
        models: how often each piece of model work is done.
        data: amounts of other work by kind, the kind that counts most first (`lamo.tools.plan.rates` times each).
    """

    models: Mapping[Piece, float] = field(default_factory=dict)
    data: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def operations(self) -> float:
        """Floating-point operations of the models."""
        return sum(times * piece.operations for piece, times in self.models.items())

    @property
    def amount(self) -> tuple[float, str]:
        """How much work it is, and in which unit: what the seconds of another run are scaled by."""
        if self.models:
            return self.operations, "operations"
        for kind, count in self.data.items():
            return count, kind
        return 1.0, "jobs"


class Workload:
    """The work of the jobs of one run; validations of trainings are left out."""

    def __init__(self, sizes: Sizes, clips: Clips) -> None:
        self.sizes = sizes
        self.clips = clips
        self.config = sizes.config
        self.pieces = Pieces(sizes)
        # The same pieces for jobs that do the same, so that each is counted once.
        self.midway_steps = cache(lambda: midway_steps(sizes))
        self.decoder_steps = cache(lambda: decoder_steps(sizes))
        self.features_steps = cache(lambda: features_steps(sizes))
        self.predictor_steps = cache(lambda entry: predictor_steps(sizes, entry))
        self.predictor_calls = cache(lambda entry, label, samples: predictor_calls(sizes, entry, label, samples))
        self.likelihood_calls = cache(lambda entry, label: likelihood_calls(sizes, entry, label))
        self.control_calls = cache(lambda: control_calls(sizes))
        self.of_rule: dict[str, Callable[[Wildcards], Work]] = {
            "world_render": self._world_render,
            "frames_find": self._every_clip,
            "frames_decode": self._frames_decode,
            "frames_stills": self._frames_stills,
            "frames_info": self._every_clip,
            "frames_motion": self._every_clip,
            "frames_collect": self._every_clip,
            "midway_train": self._midway_train,
            "latents_encode": self._latents_encode,
            "latents_statistics": self._latents_statistics,
            "decoder_train": self._decoder_train,
            "predictors_train": self._predictors_train,
            "predictors_train_end_to_end": self._predictors_train_end_to_end,
            "rollouts_predict": self._rollouts_predict,
            "rollouts_controls": self._rollouts_controls,
            "rollouts_ideal": self._rollouts_ideal,
            "metrics_features": self._metrics_features,
            "metrics_score": self._metrics_score,
            "metrics_summary": self._metrics_summary,
            "metrics_probe": self._metrics_probe,
            "metrics_token_groups": self._metrics_token_groups,
        }

    def of(self, rule: str, wildcards: Wildcards) -> Work:
        """The work of a job. Of a rule that `of_rule` does not have it is not known, and counts as one job."""
        return self.of_rule[rule](wildcards) if rule in self.of_rule else Work()

    @property
    def windows(self) -> int:
        """Windows of the held-out clips that every method is rolled out from."""
        world, clips = self.config.world, self.clips.splits["val"].clips
        share = world.forks.junctions + world.forks.lights + world.forks.leads
        forking = share if self.clips.basis == "world" else 0.0
        return self._windows("val") + round(forking * clips * self.config.rollouts.fork_windows)

    @property
    def single_windows(self) -> int:
        """Windows with one future each that a training seed has."""
        split = self.clips.splits["val"]
        every = split.windows(self.sizes.plan.length, 1, round(split.frames))
        return min(every, self.config.rollouts.single_windows)

    def futures(self, entry: str, label: str) -> int:
        """Futures that a training seed rolls out of all windows by that sampler."""
        return self.windows * self.sizes.samples(entry, label) + self.single_windows

    @property
    def control_futures(self) -> int:
        """Futures of all windows by one control; the true frames are as many."""
        return self.windows + self._single_truth

    @property
    def ideal_futures(self) -> int:
        """Other true futures of all windows, which the synthetic world alone has."""
        if self.clips.basis != "world":
            return 0
        return self.windows * (self.config.rollouts.samples - 1) + self.control_futures

    @property
    def _single_truth(self) -> int:
        """Windows with one future each of all training seeds."""
        return len(self.config.predictors.seeds) * self.single_windows

    def _windows(self, split: str) -> int:
        rollouts = self.config.rollouts
        stride = rollouts.stride_steps(self.config.frames.rate_hz)
        return self.clips.splits[split].windows(self.sizes.plan.length, stride, rollouts.windows_per_clip)

    def _shards(self, wildcards: Wildcards) -> int:
        return self.config.frames.shards.counts()[wildcards["split"]]

    def _world_render(self, wildcards: Wildcards) -> Work:
        world = self.config.world
        drives = self.clips.splits[wildcards["split"]].clips
        return Work(data={"frames rendered": drives * world.seconds * world.fps})

    def _frames_decode(self, wildcards: Wildcards) -> Work:
        split = self.clips.splits[wildcards["split"]]
        share = 1 / self._shards(wildcards)
        written = share * split.frames * self.sizes.frame_bytes
        return Work(data={"pixels decoded": share * split.total("pixels"), "bytes of frames": written})

    def _frames_stills(self, wildcards: Wildcards) -> Work:
        return Work(data={"clips": self.clips.splits[wildcards["split"]].clips / self._shards(wildcards)})

    def _every_clip(self, wildcards: Wildcards) -> Work:
        return Work(data={"clips": sum(split.clips for split in self.clips.splits.values())})

    def _midway_train(self, wildcards: Wildcards) -> Work:
        return Work(self.midway_steps())

    def _latents_encode(self, wildcards: Wildcards) -> Work:
        frames = self.clips.splits[wildcards["split"]].frames / self._shards(wildcards)
        models = self.pieces.of({"encode": frames, "inverse": frames}, self.config.latents.batch)
        return Work(models, {"bytes of latents": frames * self.sizes.latent_bytes})

    def _latents_statistics(self, wildcards: Wildcards) -> Work:
        return Work(data={"bytes of latents read": self.clips.splits["train"].frames * self.sizes.latent_bytes})

    def _decoder_train(self, wildcards: Wildcards) -> Work:
        return Work(self.decoder_steps())

    def _predictors_train(self, wildcards: Wildcards) -> Work:
        return Work(self.predictor_steps(wildcards["predictor"]))

    def _predictors_train_end_to_end(self, wildcards: Wildcards) -> Work:
        return Work(end_to_end_steps(self.sizes, wildcards["predictor"]))

    def _rollouts_predict(self, wildcards: Wildcards) -> Work:
        entry = wildcards["predictor"]
        label = wildcards["sampler"]
        samples = self.sizes.samples(entry, label)
        done = (
            (self.windows, self.predictor_calls(entry, label, samples)),
            (self.windows, self.likelihood_calls(entry, label)),
            (self.single_windows, self.predictor_calls(entry, label, 1)),
        )
        total: Counter[str] = Counter()
        for windows, calls in done:
            total.update({name: windows * rows for name, rows in calls.items()})
        models = self.pieces.of(total, self.sizes.plan.batch, (entry, label))
        return Work(models, {"bytes of frames": self._bytes(self.futures(entry, label))})

    def _rollouts_controls(self, wildcards: Wildcards) -> Work:
        # The true frames are written too. The blur is fitted on training clips with every sigma, and then applied.
        rollouts = self.config.rollouts
        fitted = min(rollouts.blur_windows, self._windows("train")) * len(rollouts.blur_sigmas)
        each = self.control_futures
        data = {
            "bytes of frames": self._bytes((len(CONTROLS) + 1) * each),
            "frames blurred": fitted + each * self.sizes.plan.steps,
        }
        total = {name: each * rows for name, rows in self.control_calls().items()}
        return Work(self.pieces.of(total, self.sizes.plan.batch), data)

    def _rollouts_ideal(self, wildcards: Wildcards) -> Work:
        return Work(data={"frames rendered": self.ideal_futures * self.sizes.plan.steps})

    def _bytes(self, futures: int) -> float:
        return futures * self.sizes.plan.steps * self.sizes.frame_bytes

    def _metrics_features(self, wildcards: Wildcards) -> Work:
        config = self.config.metrics.world_features
        return Work(self.features_steps(), {"examples rendered": config.frames + config.held_out_frames})

    def _metrics_score(self, wildcards: Wildcards) -> Work:
        entries = {row.label: row.entry for row in self.config.predictors.rows()}
        label = wildcards.get("row", "controls")  # jobs of earlier versions, which scored all rows, had no name
        if label in entries:
            sets, samples = len(self.config.predictors.seeds), self.sizes.samples(entries[label], label)
            futures = self.futures(entries[label], label)
        elif label == IDEAL:
            sets, samples, futures = 1, self.config.rollouts.samples, self.ideal_futures
        else:
            sets, samples, futures = len(CONTROLS), 1, self.control_futures
        metrics = self.config.metrics
        horizons = len(metrics.horizons_s)
        frames = sets * samples * self.windows
        data: dict[str, float] = {
            "frames seen": sets * futures * horizons,
            "frames scored": frames * self.sizes.plan.steps,
        }
        if metrics.lpips.weights is not None:
            data["frames compared"] = frames * horizons
        if metrics.fvd.weights is not None:
            data["clips seen"] = sets * (self.single_windows if label in entries else self._single_truth)
        return Work(data=data)

    def _metrics_summary(self, wildcards: Wildcards) -> Work:
        metrics = self.config.metrics
        rows = len(CONTROLS) + (self.ideal_futures > 0) + len(self.config.predictors.rows())
        clips = min(self.clips.splits["val"].clips, metrics.bootstrap.frechet_groups)
        data: dict[str, float] = {"distances": rows * len(metrics.horizons_s) * (1 + clips)}
        if metrics.fvd.weights is not None:
            data["clips seen"] = self._single_truth
        return Work(data=data)

    def _metrics_probe(self, wildcards: Wildcards) -> Work:
        splits = self.clips.splits.values()
        return Work(data={"frames probed": sum(split.frames * min(1, PROBED_CLIPS / split.clips) for split in splits)})

    def _metrics_token_groups(self, wildcards: Wildcards) -> Work:
        # Two frames of a window and of the one whose tokens are swapped in; a step for the own tokens and every group.
        windows = self.config.metrics.probe.windows
        shape = self.sizes.geometry
        steps = windows * (shape.tokens + shape.levels + 2)
        calls = {"encode": 4 * windows, "inverse": 2 * windows, "advance": steps, "decode": steps}
        return Work(self.pieces.of(calls, SWAPPED_TOGETHER))
