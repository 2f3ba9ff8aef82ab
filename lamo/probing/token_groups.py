"""Which patches move when one group of motion tokens is swapped for those of another clip.

Shapes: W windows of two frames, L motion levels, M tokens, P patches, G groups, R resamples.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lamo.errors import LamoError
from lamo.midway.network import Midway
from lamo.midway.places import region_bias
from lamo.midway.state import state_tokens
from lamo.progress import Bar
from lamo.rollout.controls import shuffle_partners
from lamo.rollout.frozen_models import FrozenModels, Scene
from lamo.rollout.windows import ClipFrames, choose_windows, thin
from lamo.statistics.intervals import ClipBootstrap, Interval
from lamo.stores.rollouts import Window

BATCH = 16
SEED = 0
GREY_LEVELS = 255.0


Measure = Literal["pixels", "features"]


@dataclass(frozen=True)
class Group:
    """Tokens that are swapped together: one token index in all levels, all tokens of one level, or all there are."""

    kind: Literal["token", "level", "all"]
    index: int = 0

    @property
    def name(self) -> str:
        """As in the table: "token_3", "level_0", "all"."""
        return "all" if self.kind == "all" else f"{self.kind}_{self.index}"

    def swap(self, own: Tensor, other: Tensor) -> Tensor:
        """`own` motion tokens [B, L, M, D_m] with those of this group taken from `other`."""
        if self.kind == "all":
            return other
        swapped = own.clone()
        place = (slice(None), self.index) if self.kind == "level" else (slice(None), slice(None), self.index)
        swapped[place] = other[place]
        return swapped


@dataclass(frozen=True)
class Change:
    """What swapping a group changes in the next frame: mean squared change [W, P] per window and patch.

    `measure`: "pixels" (decoded, in units of the full range, mean over colours), or "features" (of the group's own
    level, mean over channels).
    """

    group: Group
    measure: Measure
    values: np.ndarray


@dataclass(frozen=True)
class Swaps:
    """All changes, and what is needed to draw them.

    Attributes:
        changes: a change for each group and measure.
        grid: rows and columns of patches.
        owner: for each patch the token whose region is nearest, [P]; None if tokens have no regions.
        frame: mean of the true next frames, float [H, W, 3] in 0..1.
        windows: the windows in which groups were swapped.
    """

    changes: list[Change]
    grid: tuple[int, int]
    owner: np.ndarray | None
    frame: np.ndarray
    windows: list[Window]


@dataclass(frozen=True)
class Concentration:
    """How strong a change is, and how concentrated.

    Attributes:
        rms: root mean square over windows and patches, in grey levels of 255 or in units of the features.
        region: share of the squared change inside the token's region; NaN for a token without a region, and for groups
            that are no token.
        region_patches: share of the patches that belong to the region.
        quarter: share of the squared change inside the quarter of the patches that change most; 0.25 if all change
            alike.
    """

    rms: float
    region: Interval
    region_patches: float
    quarter: Interval


def swap_windows(clips: ClipFrames, number: int) -> list[Window]:
    """At most `number` windows of two frames, spread evenly over the clips and within each clip."""
    lengths = clips.lengths()
    return thin(choose_windows(lengths, 2, 1, math.ceil(number / len(lengths))), number)


def token_regions(model: Midway) -> np.ndarray | None:
    """The token whose region each patch is nearest to, [P]; None if the model ties tokens to no regions."""
    if not model.form.regions:
        return None
    # Of two heads the first is tied to the regions.
    return region_bias(model.grid, model.config.inverse.tokens, 2)[0, :, 1:].argmax(dim=0).numpy()


@torch.inference_mode()
def swap_groups(models: FrozenModels, clips: ClipFrames, windows: Sequence[Window]) -> Swaps:
    """One step from each window's first frame under its oracle motion tokens, and again with each group swapped.

    The tokens swapped in are those of a window of another clip, the same in every run. The computation is in float32,
    because bfloat16 would round away the change of a weak group. Raises `LamoError` if a change is not finite.
    """
    model = cast(Midway, models.dynamics)
    partners = shuffle_partners(windows, SEED)
    tokens, levels = model.config.inverse.tokens, model.levels
    groups = [Group("token", m) for m in range(tokens)] + [Group("level", i) for i in range(levels)] + [Group("all")]
    found: dict[tuple[Group, Measure], list[np.ndarray]] = {(group, "pixels"): [] for group in groups}
    found |= {(group, "features"): [] for group in groups if group.kind == "level"}
    frame = np.zeros(())
    for begin in Bar(range(0, len(windows), BATCH), desc="token groups", unit="batch", mininterval=2.0):
        batch = windows[begin : begin + BATCH]
        scene, other = (Scene(models, clips, of, 0, 1) for of in (batch, [partners[w] for w in batch]))
        for key, values in _swap_batch(models, scene, other, groups):
            found[key].append(values.cpu().double().numpy())
        frame = frame + scene.frames[:, 1].sum(axis=0) / (GREY_LEVELS * len(windows))
    changes = [Change(group, measure, np.concatenate(parts)) for (group, measure), parts in found.items()]
    for change in changes:
        if not np.isfinite(change.values).all():
            raise LamoError(
                f"token groups: swapping {change.group.name} gives {change.measure} that are not finite; is the Midway "
                "model sane? Train it (or the decoder) again, longer or at a lower learning rate"
            )
    return Swaps(changes, model.grid, token_regions(model), frame, list(windows))


def _swap_batch(
    models: FrozenModels, scene: Scene, other: Scene, groups: Sequence[Group]
) -> Iterator[tuple[tuple[Group, Measure], Tensor]]:
    """Group and measure with their change [B, P] in each window of `scene`, tokens taken from `other`."""
    model = cast(Midway, models.dynamics)
    own, foreign = (model.inverse(s.z(0), s.z(1)) for s in (scene, other))
    z = model.step(scene.z(0), own)
    image = _decode(models, z)
    for group in groups:
        needed = {*models.levels, group.index} if group.kind == "level" else models.levels
        changed = model.step(scene.z(0), group.swap(own, foreign), only=sorted(needed))
        square = (_decode(models, changed) - image).square().mean(dim=1)
        yield (group, "pixels"), F.avg_pool2d(square, square.shape[-1] // model.grid[1]).flatten(1)
        if group.kind == "level":
            yield (group, "features"), (changed[group.index] - z[group.index])[:, 1:].square().mean(dim=-1)


def _decode(models: FrozenModels, z: Sequence[Tensor]) -> Tensor:
    return models.decoder(state_tokens(z, models.levels).float()).clamp(0, 1)


def concentration(change: Change, swaps: Swaps, bootstrap: ClipBootstrap) -> Concentration:
    """Strength of a change and its shares, with intervals over clips; `bootstrap` is over the clips of the windows."""
    weights = np.concatenate([np.ones((1, len(change.values))), bootstrap.window_weights])
    maps = weights @ change.values
    total = maps.sum(axis=1)
    # A group that changes nothing has no shares: NaN.
    total = np.where(total > 0, total, np.nan)
    best = np.sort(maps, axis=1)[:, -max(1, round(maps.shape[1] / 4)) :].sum(axis=1) / total
    quarter = bootstrap.interval(best[0], best[1:])
    scale = GREY_LEVELS if change.measure == "pixels" else 1.0
    rms = float(scale * np.sqrt(change.values.mean()))
    inside = swaps.owner == change.group.index if swaps.owner is not None else np.zeros(maps.shape[1], dtype=bool)
    if change.group.kind != "token" or not inside.any():
        return Concentration(rms, Interval(math.nan, math.nan, math.nan), math.nan, quarter)
    shares = maps[:, inside].sum(axis=1) / total
    return Concentration(rms, bootstrap.interval(shares[0], shares[1:]), float(inside.mean()), quarter)
