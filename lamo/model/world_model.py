"""A trained world model in Python: frames in, futures out.

Shapes: B clips, F observed frames, S samples, T steps, H and W height and width, P patches, D_z state width.

With the Hugging Face hub: `WorldModel.from_pretrained("somebody/name")`, `model.push_to_hub("somebody/name")`.
"""

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import ModelHubMixin
from torch import Generator, Tensor

from lamo.errors import LamoError
from lamo.model.bundle import DECODER, MIDWAY, PREDICTORS, PUBLISHED, STATISTICS, ModelFacts, model_folder, read_facts
from lamo.model.hub import fetched
from lamo.model.rollout import Futures, Rollout
from lamo.predictors.build import load_predictor, load_sampler
from lamo.predictors.end_to_end import FORWARD
from lamo.predictors.interface import Predictor, Randomness
from lamo.predictors.randomness import one_each
from lamo.predictors.sampler import Sampler, row_label
from lamo.rollout.frozen_models import FrozenModels, Observation
from lamo.rollout.loading import load_models
from lamo.rollout.roll import roll
from lamo.training.device import named_device, pick_device

OnStep = Callable[[int, Tensor], object]


class WorldModel(ModelHubMixin, library_name="lamo"):
    """Frozen Midway Network, decoder and one predictor.

    >>> import lamo, numpy
    >>> model, frames = lamo.load(device="cpu"), numpy.zeros((4, 32, 64, 3), "uint8")
    >>> model.rollout(frames, seconds=0.6, samples=2).frames.shape
    (2, 3, 32, 64, 3)
    >>> model.encode(frames).shape
    torch.Size([4, 128, 96])

    Attributes:
        folder: where it was loaded from.
        facts: size and rate of the frames, and which predictors its folder has.
        predictor: the predictor.
        sampler: how it is sampled.
    """

    def __init__(
        self, folder: Path, facts: ModelFacts, models: FrozenModels, predictor: Predictor, sampler: Sampler
    ) -> None:
        self.folder = folder
        self.facts = facts
        self.models = models
        self.predictor = predictor
        self.sampler = sampler

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> "WorldModel":
        """The world model in a folder or, if there is no such folder, of that name on the Hugging Face hub.

        `options`: those of `load`, and for the hub revision, cache_dir, local_files_only, token and force_download.

        Raises:
            LamoError: as `load`, or the hub has no such model or cannot be reached.
        """
        # The mixin asks for a config.json, which the folders of models do not have.
        return cls._from_pretrained(model_id=str(pretrained_model_name_or_path), **options)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        predictor: str | None = None,
        sampler: str | None = None,
        device: str | torch.device | None = None,
        **hub: Any,
    ) -> "WorldModel":
        return load(model_id if Path(model_id).exists() else fetched(model_id, **hub), predictor, sampler, device)

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> str | None:
        """Copy the model's folder, all of its predictors included; `options` are those of huggingface_hub's mixin."""
        place, own = Path(save_directory).resolve(), self.folder.resolve()
        if place.is_relative_to(own) or own.is_relative_to(place):
            raise LamoError(f"{save_directory}: found the model's own folder, expected another one; give another name")
        # The hub counts downloads of config.json. It repeats model.json.
        config = options.pop("config", None) or self.facts.model_dump(mode="json")
        return super().save_pretrained(save_directory, config=config, **options)

    def _save_pretrained(self, save_directory: Path) -> None:
        shutil.copytree(self.folder, save_directory, dirs_exist_ok=True)

    @property
    def frames_needed(self) -> int:
        """The fewest frames that a rollout can observe, one more than the predictor's context has motion tokens."""
        return self.predictor.geometry.history + 1

    def encode(self, frames: np.ndarray | Tensor) -> Tensor:
        """Normalised latent states of frames uint8 [..., H, W, 3]: [..., P, D_z].

        Raises:
            LamoError: the frames have another type or size.
        """
        found = self._checked(frames)
        with torch.inference_mode():
            observed = Observation(self.models, found.reshape(-1, 1, *found.shape[-3:]), 0)
            state = observed.state(0)
        return state.reshape(*found.shape[:-3], *state.shape[1:])

    def decode(self, states: Tensor) -> np.ndarray:
        """Frames of normalised latent states: [..., P, D_z] -> uint8 [..., H, W, 3].

        Raises:
            LamoError: the states have other sizes.
        """
        size = (self.predictor.geometry.patches, self.predictor.geometry.state_width)
        if tuple(states.shape[-2:]) != size or not states.numel():
            raise LamoError(f"found states {tuple(states.shape)}, expected [..., {size[0]}, {size[1]}]")
        with torch.inference_mode():
            frames = self.models.pixels(states.reshape(-1, *size).to(self.models.device))
        return frames.reshape(*states.shape[:-2], *frames.shape[1:])

    def begin(self, frames: np.ndarray | Tensor, samples: int = 1, generator: Randomness | None = None) -> Rollout:
        """Futures that are drawn one step at a time, and corrected by frames that are seen meanwhile.

        The arguments are those of `rollout`, and so are the errors.
        """
        futures = self._samples(samples)
        found = self._checked(frames)
        clips = found if found.ndim == 5 else found[None]
        if clips.ndim != 5 or clips.shape[1] < self.frames_needed or not len(clips):
            raise LamoError(
                f"rollout: found frames {found.shape}, expected one clip [F, H, W, 3] or several [B, F, H, W, 3] of at "
                f"least {self.frames_needed} frames, {self.facts.frames.rate_hz:g} a second"
            )
        shape = (len(clips), futures) if found.ndim == 5 else (futures,)
        with torch.inference_mode():
            observed = Observation(self.models, clips[:, -self.frames_needed :], self.frames_needed - 1)
            start = observed.start().repeated(futures)
            if generator is None or isinstance(generator, Generator):
                generator = one_each(generator or Generator().manual_seed(0), math.prod(shape))
            elif len(generator) != math.prod(shape):
                raise LamoError(f"rollout: found {len(generator)} generators, expected one for each future: {shape}")
            return Rollout(roll(self.models, start, self.predictor, self.sampler, generator), shape, self._checked)

    def rollout(
        self,
        frames: np.ndarray | Tensor,
        seconds: float = 1.6,
        samples: int = 1,
        generator: Randomness | None = None,
        on_step: OnStep | None = None,
        observed: Mapping[int, np.ndarray | Tensor] | None = None,
    ) -> Futures:
        """Futures of one clip uint8 [F, H, W, 3] or of several [B, F, H, W, 3], from their last frame on.

        Of the F frames, `facts.frames.rate_hz` a second, the last `frames_needed` are read. `generator` is the only
        source of randomness (by default one of seed 0): each future gets a generator of its own, so that it does not
        depend on the futures beside it; a sequence of B * S generators is taken as these. `on_step` is called after
        every step with its number, from 1, and the states [B * S, P, D_z]. `observed` are frames that are seen
        meanwhile, by the number of their step: uint8 [H, W, 3] or [B, H, W, 3]. All futures are corrected by them and
        go on from there. All futures are computed at once: for less memory, ask for fewer.

        Raises:
            LamoError: the frames have another type or size or are too few, seconds is less than a step, samples is less
                than 1, or more where the sampler leaves nothing to chance, there are more or fewer generators than
                futures, `observed` has other steps than those of the rollout, or a state is not finite.
        """
        steps, seen = self._steps(seconds), observed or {}
        if not all(1 <= step <= steps for step in seen):
            raise LamoError(f"rollout: found frames observed at steps {sorted(seen)}, expected steps of 1 to {steps}")
        for seen_frames in seen.values():
            self._checked(seen_frames)
        future = self.begin(frames, samples, generator)
        states = []
        for step in range(1, steps + 1):
            state = future.step()
            states.append(future.observe(seen[step]) if step in seen else state)
            if on_step is not None:
                on_step(step, states[-1].flatten(0, -3))
        stacked = torch.stack(states, dim=-3)
        # A step at a time: the frames of all would not fit into the memory of a GPU.
        pictures = np.stack([self.decode(state) for state in states], axis=-4)
        return Futures(pictures, stacked, np.arange(1, steps + 1) / self.facts.frames.rate_hz)

    def _steps(self, seconds: float) -> int:
        """Whole steps nearest to `seconds`."""
        steps = round(seconds * self.facts.frames.rate_hz) if math.isfinite(seconds) else 0
        if steps < 1:
            raise LamoError(
                f"rollout: found {seconds:g} s, expected a step of {1 / self.facts.frames.rate_hz:g} s or more"
            )
        return steps

    def _samples(self, samples: int) -> int:
        if samples < 1:
            raise LamoError(f"rollout: found {samples} samples, expected at least 1")
        if samples > 1 and self.sampler.deterministic:
            raise LamoError(
                f"rollout: found {samples} samples of {self.sampler.label}, which leaves nothing to chance; ask for 1"
            )
        return samples

    def _checked(self, frames: np.ndarray | Tensor) -> np.ndarray:
        found = frames.cpu().numpy() if isinstance(frames, Tensor) else np.asarray(frames)
        size = (self.facts.frames.height, self.facts.frames.width, 3)
        if found.dtype != np.uint8 or found.shape[-3:] != size or not found.size:
            raise LamoError(
                f"found frames {found.dtype} {found.shape}, expected uint8 [..., {', '.join(map(str, size))}]; resize "
                "them, or read a video with lamo.model.video.read_video"
            )
        return found


def load(
    path: str | Path | None = None,
    predictor: str | None = None,
    sampler: str | None = None,
    device: str | torch.device | None = None,
) -> WorldModel:
    """The world model in `path`: the folder of a model, or of a finished run; by default the published one.

    `predictor` is the name of an entry, by default the model's choice, and `sampler` one of its samplers, by default
    its first. `device` is by default a GPU if there is one.

        >>> import lamo
        >>> model = lamo.load(device="cpu")
        >>> model.frames_needed, model.facts.frames.rate_hz, model.sampler.label
        (4, 5.0, 'flow-4-detail40')

    Raises:
        LamoError: there is no such model, predictor or sampler, or a file is missing or damaged.
    """
    folder = model_folder(PUBLISHED if path is None else path)
    facts = read_facts(folder)
    name = facts.predictor if predictor is None else predictor
    if name not in facts.predictors:
        raise LamoError(f"{folder}: found no predictor {name!r}, expected one of {', '.join(facts.predictors)}")
    chosen = pick_device() if device is None else named_device(device)
    trained = folder / PREDICTORS / name
    forward = trained / FORWARD if name in facts.together else None
    models = load_models(folder / MIDWAY, folder / DECODER, folder / STATISTICS, facts.levels, chosen, forward)
    label = row_label(name, sampler or facts.predictors[name][0])
    return WorldModel(folder, facts, models, load_predictor(trained).to(chosen), load_sampler(trained, name, label))
