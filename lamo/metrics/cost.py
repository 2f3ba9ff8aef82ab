"""The matched comparison: what every method of a run was given and what it costs, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import torch

from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.errors import LamoError
from lamo.midway.network import Midway
from lamo.midway.saved import read_saved
from lamo.nn.flops import Run, build, count_flops
from lamo.predictors.cost import Size, backbone_flops, sampling_flops, size_of, training_flops
from lamo.predictors.interface import Geometry
from lamo.predictors.kinds import PredictorConfig, find_kind
from lamo.predictors.saved import read_settings, trained_further


@dataclass(frozen=True)
class Trained:
    """A trained predictor of one seed: the name of its entry, its settings, and the seconds that its training took
    (None: not logged); `further`: it was trained further, together with the forward dynamics."""

    name: str
    config: PredictorConfig
    geometry: Geometry
    seconds: float | None
    further: bool = False


@dataclass(frozen=True)
class Step:
    """Operations that a step of a rollout takes beside the predictor, for one window.

    Attributes:
        forward: Midway's f_fwd, which methods that predict motion call.
        decoder: the pixel decoder, which all methods call.
    """

    forward: int
    decoder: int


@dataclass(frozen=True)
class Method:
    """A sampler of a trained predictor.

    Attributes:
        predictor: name of the entry.
        sampler: label of the row.
        seeds: trainings that it stands for; all but `training_s` is the same for each.
        size: parameters, context tokens, values per step.
        training_samples: context windows seen, steps times batch; None if it was trained further, together with the
            forward dynamics, of which operations and time are not counted either.
        training_flops: operations of all training steps, validations left out; None as above.
        backbone_flops: of the context transformer, once per rollout step and window.
        head_evaluations: how often the head runs in a rollout step.
        head_flops: of all these evaluations together.
        forward_flops: of f_fwd, once per rollout step and window; 0 for those that predict states.
        training_s: mean over the seeds of the seconds that training steps took; None if not logged, and as above.
    """

    predictor: str
    sampler: str
    seeds: int
    size: Size
    training_samples: int | None
    training_flops: int | None
    backbone_flops: int
    head_evaluations: int
    head_flops: int
    forward_flops: int
    training_s: float | None

    @property
    def step_flops(self) -> int:
        """Operations of a rollout step of one window, without the decoder."""
        return self.backbone_flops + self.head_flops + self.forward_flops


def read_trained(name: str, folder: str | Path) -> Trained:
    """The training of entry `name` in `folder`, from its config.json and log.parquet.

    Raises:
        LamoError: a file is missing, damaged or of another model.
    """
    config, geometry = read_settings(folder)
    path = Path(folder) / "log.parquet"
    try:
        log = pq.read_table(path)
    except (OSError, ValueError) as error:
        raise LamoError(f"{path}: cannot be read ({error}); train the predictor again") from None
    minutes = log["minutes"].drop_null().to_pylist() if "minutes" in log.column_names else []
    return Trained(name, config, geometry, 60 * minutes[-1] if minutes else None, trained_further(folder))


def count_step(midway: str | Path, decoder: str | Path, levels: Sequence[int]) -> Step:
    """Counts what a rollout step takes beside the predictor, from the configurations in two folders.

    `levels` are the pyramid levels of the latent state; f_fwd computes no others that it can do without.
    """
    saved = read_saved(midway)

    def forward(batch: int) -> Run:
        model = build(lambda: Midway(saved.config, saved.image)).eval().requires_grad_(False)
        patches, shape = model.grid[0] * model.grid[1], saved.config.inverse
        z = tuple(torch.randn(batch, 1 + patches, saved.config.encoder.width) for _ in range(model.levels + 1))
        motion = torch.randn(batch, model.levels, shape.tokens, shape.width)
        return lambda: model.step(z, motion, only=levels)

    def decoding(batch: int) -> Run:
        model = build(lambda: PixelDecoder.untrained(decoder)).eval().requires_grad_(False)
        rows, columns = model.grid
        state = torch.randn(batch, rows * columns, model.embed.in_features)
        return lambda: model(state)

    return Step(count_flops(forward), count_flops(decoding))


def compare(trained: Sequence[Trained], samplers: Mapping[str, Sequence[str]], step: Step) -> list[Method]:
    """A row for every sampler in `samplers`, bare names by entry, in that order; those without a head have none.

    Raises:
        LamoError: a predictor was not trained, or its seeds not alike.
    """
    methods = []
    for entry, names in samplers.items():
        methods += _methods([one for one in trained if one.name == entry], entry, names, step)
    return methods


def _methods(seeds: Sequence[Trained], entry: str, samplers: Sequence[str], step: Step) -> list[Method]:
    if not seeds or any((one.config, one.geometry) != (seeds[0].config, seeds[0].geometry) for one in seeds):
        raise LamoError(
            f"predictor {entry}: found {len(seeds)} trainings, expected at least one, all with the same settings; "
            "train it again"
        )
    config, geometry = seeds[0].config, seeds[0].geometry
    logged = [one.seconds for one in seeds if one.seconds is not None]
    kind = find_kind(config.kind)
    training = config.settings.training
    size = size_of(config, geometry)
    backbone = backbone_flops(config, geometry)
    learning = training.steps * training_flops(config, geometry, training.batch)
    known = len(logged) == len(seeds) and not seeds[0].further
    return [
        Method(
            predictor=entry,
            sampler=sampler.label,
            seeds=len(seeds),
            size=size,
            training_samples=None if seeds[0].further else training.steps * training.batch,
            training_flops=None if seeds[0].further else learning,
            backbone_flops=backbone,
            head_evaluations=sampler.evaluations,
            head_flops=sampling_flops(config, geometry, sampler) - backbone,
            forward_flops=0 if kind.predicts == "state" else step.forward,
            training_s=sum(logged) / len(logged) if known else None,
        )
        for sampler in (kind.parse(name, entry) for name in samplers)
        if sampler.evaluations
    ]
