"""Features of a small network trained to read the synthetic world's state from a true frame.

A supervised extractor, as Inception is, and independent of every model that it compares. It stands in where the
Inception weights are missing; distances on it are never called FID.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lamo.metrics.config import WorldFeaturesConfig, WorldFeaturesTraining
from lamo.metrics.features.examples import Examples
from lamo.nn.flops import build
from lamo.nn.share import batch_mean, draw
from lamo.training.config import OptimisationConfig
from lamo.training.device import mixed_precision
from lamo.training.fit import Task, fit
from lamo.training.loop import TrainingLog
from lamo.training.model_files import load_config, load_weights, save_model
from lamo.training.session import Session

WIDTH = 64
# Of the training; the drives' seeds follow from the world's.
SEED = 0
_GRID = (4, 8)


class _Dropout(nn.Dropout):
    """Dropout whose mask for the rows of a share is that of these rows in the whole batch."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features [B, F] of which a share `p` is set to 0, and the others scaled up, in training."""
        if not self.training:
            return features
        kept = draw(_ones_with(1 - self.p), tuple(features.shape), device=features.device, dtype=features.dtype)
        return features * kept.div_(1 - self.p)


def _ones_with(probability: float) -> Callable[..., torch.Tensor]:
    """Draws 1 with a probability, else 0, in the form of torch.rand."""
    return lambda shape, generator, device, dtype: torch.empty(shape, device=device, dtype=dtype).bernoulli_(
        probability, generator=generator
    )


class WorldNet(nn.Module):
    """Convolutions that halve the frame down to about 4 x 8, 64 features, a linear map to the world's state."""

    def __init__(self, height: int, width: int, channels: int, targets: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous, size = 3, (height, width)
        while size[0] > _GRID[0] or size[1] > _GRID[1]:
            current = min(2 * previous, 4 * channels) if layers else channels
            layers += [nn.Conv2d(previous, current, 5 if previous == 3 else 3, 2, 2 if previous == 3 else 1)]
            layers += [nn.GroupNorm(1, current), nn.GELU()]
            previous, size = current, ((size[0] + 1) // 2, (size[1] + 1) // 2)
        self.convolutions = nn.Sequential(*layers, nn.Flatten(), _Dropout(0.2))
        self.bottleneck = nn.Linear(previous * size[0] * size[1], WIDTH)
        self.head = nn.Linear(WIDTH, targets)

    def features(self, frames: torch.Tensor) -> torch.Tensor:
        """Features [N, 64] of frames uint8 [N, H, W, 3]."""
        images = (frames.float() / 127.5 - 1).permute(0, 3, 1, 2)
        return F.gelu(self.bottleneck(self.convolutions(images)))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Standardised state [N, Q]."""
        return self.head(self.features(frames))


@dataclass(frozen=True)
class ExampleRows:
    """Frames uint8 [B, H, W, 3] and standardised quantities [B, Q], NaN where a frame lacks one."""

    frames: torch.Tensor
    targets: torch.Tensor


class WorldFeatures:
    """The 64 features before the last layer of a trained `WorldNet`, divided by one number.

    The number is chosen so that the features of held-out true frames have a mean variance of 1; a distance is then in
    units of that variance. `r2` is the share of variance that the network explains on held-out drives, per quantity of
    `names`: what the features can be trusted to see.
    """

    metric = "fd_world"

    def __init__(
        self,
        network: WorldNet,
        size: tuple[int, int],
        channels: int,
        names: tuple[str, ...],
        r2: list[float],
        scale: float,
    ) -> None:
        self._network, self._size, self._channels = network.eval(), size, channels
        self.names, self.r2, self.scale = names, r2, scale

    @property
    def description(self) -> str:
        """Two sentences for a caption."""
        groups: dict[str, list[float]] = {}
        for name, value in zip(self.names, self.r2, strict=True):
            stem, _, side = name.rpartition("_")
            groups.setdefault(stem + "s" if side in ("left", "middle", "right") else name, []).append(value)
        seen = ", ".join(f"{name.replace('_', ' ')} {np.mean(values):.2f}" for name, values in groups.items())
        return (
            f"Frechet distance on {WIDTH} features of a small network trained on true frames of the synthetic world to "
            f"read its state (variance explained on held-out drives: {seen}). It is not FID, does not compare with it, "
            "and on footage other than the synthetic world it only detects corruption."
        )

    @torch.inference_mode()
    def __call__(self, frames: np.ndarray, batch: int = 256) -> np.ndarray:
        """Features float32 [N, 64] of frames uint8 [N, H, W, 3]; other sizes than the network's are resized to it."""
        blocks = [
            self._network.features(
                self._fit(torch.from_numpy(np.require(frames[i : i + batch], requirements=["C", "W"])))
            )
            for i in range(0, len(frames), batch)
        ]
        return torch.cat(blocks).numpy() / np.float32(self.scale)

    def save(self, folder: str | Path) -> None:
        """Write model.safetensors and config.json (sizes, names, held-out R2, scale)."""
        height, width = self._size
        facts = {
            "height": height, "width": width, "channels": self._channels,
            "names": list(self.names), "held_out_r2": self.r2, "scale": self.scale,
        }  # fmt: skip
        save_model(folder, self._network, facts)

    @classmethod
    def load(cls, folder: str | Path) -> "WorldFeatures":
        """Read what `save` wrote. `LamoError` if it is missing or does not fit."""
        facts = load_config(folder)
        size = (facts["height"], facts["width"])
        network = WorldNet(*size, facts["channels"], len(facts["names"]))
        load_weights(folder, network)
        return cls(network, size, facts["channels"], tuple(facts["names"]), facts["held_out_r2"], facts["scale"])

    def _fit(self, frames: torch.Tensor) -> torch.Tensor:
        if tuple(frames.shape[1:3]) == self._size:
            return frames
        images = F.interpolate(frames.permute(0, 3, 1, 2).float(), self._size, mode="bilinear", antialias=True)
        return images.permute(0, 2, 3, 1)


def optimisation(training: WorldFeaturesTraining) -> OptimisationConfig:
    """Optimisation of the network: the learning rate is measured, the rest is an own choice."""
    return OptimisationConfig(
        steps=training.steps,
        batch=training.batch,
        learning_rate=4e-3,
        warmup_steps=training.steps // 20,
        weight_decay=0.2,
        mixed_precision=False,
    )


class WorldNetTask(Task[ExampleRows]):
    """A step of the network's training: the squared error of the quantities that a frame has."""

    def __init__(self, config: WorldFeaturesConfig, size: tuple[int, int], targets: int, device: torch.device) -> None:
        self.network = build(lambda: WorldNet(*size, config.width, targets), device)
        self.size = size
        self.targets = targets
        self.device = device
        super().__init__("world features", optimisation(config.training), {"network": self.network})

    def loss(self, rows: ExampleRows) -> dict[str, torch.Tensor]:
        """Mean over quantities of the squared error, of each over the frames of the batch that have it."""
        wanted = rows.targets.to(self.device)
        seen = wanted.isfinite()
        with mixed_precision(self.device, self.config.mixed_precision):
            predicted = self.network(rows.frames.to(self.device))
        errors = (predicted - wanted.nan_to_num()).square() * seen
        # How many frames have a quantity, on average over the shares.
        counts = batch_mean(seen.float().sum(dim=0)).clamp(min=1e-6)
        return {"loss": (errors.sum(dim=0) / counts).mean()}

    def example_rows(self, batch: int) -> ExampleRows:
        """Black frames that have all quantities."""
        frames = torch.zeros(batch, *self.size, 3, dtype=torch.uint8)
        return ExampleRows(frames, torch.ones(batch, self.targets))


class _DrawnExamples:
    """Batches of examples, drawn with replacement."""

    def __init__(self, frames: torch.Tensor, targets: torch.Tensor, batch: int, seed: int) -> None:
        self.frames = frames
        self.targets = targets
        self.batch = batch
        self.seed = seed

    def draws(self, first: int, mine: Callable[[int], slice]) -> Iterator[np.ndarray]:
        generator = np.random.default_rng(self.seed)
        rows = mine(self.batch)
        for step in count():
            picks = generator.integers(0, len(self.frames), self.batch)
            if step >= first:
                yield picks[rows]

    def read(self, picks: np.ndarray) -> ExampleRows:
        chosen = torch.from_numpy(picks)
        return ExampleRows(self.frames[chosen], self.targets[chosen])


def train_world_features(
    examples: Examples, held_out: Examples, config: WorldFeaturesConfig, session: Session
) -> tuple[WorldFeatures, TrainingLog]:
    """Train a `WorldNet` on `examples` and measure it on `held_out`; seeded.

    Raises:
        LamoError: a logged value is not finite.
        Stopped: the process was asked to stop.
    """
    torch.manual_seed(SEED)
    height, width = examples.frames.shape[1:3]
    task = WorldNetTask(config, (height, width), len(examples.names), session.device)
    mean, std = _moments(examples.targets)
    targets = torch.from_numpy((examples.targets - mean) / std)
    rows = _DrawnExamples(torch.from_numpy(examples.frames), targets, config.training.batch, SEED)
    log = fit(task, rows, session)
    network = task.network.cpu().eval()
    with torch.inference_mode():
        blocks = [network.features(block) for block in torch.from_numpy(held_out.frames).split(256)]
        features = torch.cat(blocks)
        predicted = network.head(features).numpy() * std + mean
    scale = float(features.var(dim=0).mean().sqrt().clamp(min=1e-6))
    r2 = _explained(predicted, held_out.targets)
    return WorldFeatures(network, (height, width), config.width, examples.names, r2, scale), log


def _moments(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation [Q] over what is there; 0 and 1 for quantities that never are or never vary."""
    count = np.maximum(np.isfinite(targets).sum(axis=0), 1)
    mean = np.nansum(targets, axis=0) / count
    std = np.sqrt(np.nansum((targets - mean) ** 2, axis=0) / count)
    return mean.astype(np.float32), np.where(std > 1e-6, std, 1.0).astype(np.float32)


def _explained(predicted: np.ndarray, truth: np.ndarray) -> list[float]:
    """R2 per column, 1 - squared error over variance; 0 where the truth does not vary."""
    mean, std = _moments(truth)
    error = np.nansum((predicted - truth) ** 2, axis=0) / np.maximum(np.isfinite(truth).sum(axis=0), 1)
    varies = np.nansum((truth - mean) ** 2, axis=0) > 0
    return [round(float(1 - e / s**2), 4) if v else 0.0 for e, s, v in zip(error, std, varies, strict=True)]
