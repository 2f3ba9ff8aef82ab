"""Features of a small network trained to read the synthetic world's state from a true frame.

A supervised extractor, as Inception is, and independent of every model that it compares. It stands in where the
Inception weights are missing; distances on it are never called FID.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from lamo.metrics.config import WorldFeaturesConfig
from lamo.metrics.features.examples import Examples
from lamo.nn.share import batch_mean, draw
from lamo.training.learner import Learner, local_rows
from lamo.training.loop import Training, TrainingLog
from lamo.training.model_files import load_config, load_weights, save_model
from lamo.training.optim import adamw, cosine, set_learning_rate
from lamo.training.session import Session

WIDTH = 64
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
        facts = {"height": self._size[0], "width": self._size[1], "channels": self._channels}
        facts |= {"names": list(self.names), "held_out_r2": self.r2, "scale": self.scale}
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


def train_world_features(
    examples: Examples, held_out: Examples, config: WorldFeaturesConfig, session: Session
) -> tuple[WorldFeatures, TrainingLog]:
    """Train a `WorldNet` on `examples` and measure it on `held_out`; seeded.

    Loss: mean squared error of the standardised quantities, those that a frame lacks left out.
    """
    torch.manual_seed(config.seed)
    size, device = examples.frames.shape[1:3], session.device
    network = WorldNet(*size, config.width, len(examples.names)).to(device)
    frames, (mean, std) = torch.from_numpy(examples.frames), _moments(examples.targets)
    targets = torch.from_numpy((examples.targets - mean) / std)
    optimizer = adamw([network], config.learning_rate, weight_decay=0.2)
    learner: Learner[ExampleRows] = Learner(
        lambda rows: {"loss": _state_error(network, rows, device)}, [network], optimizer, 1.0, session
    )
    training = Training("world features", config.steps, session, {"network": network, "optimizer": optimizer})
    batches = islice(_picks(len(frames), config), training.first, None)
    mine = local_rows(session, config.batch)

    def step(i: int) -> dict[str, torch.Tensor]:
        set_learning_rate(optimizer, cosine(i, config.steps, config.learning_rate, 0.0, warmup=config.steps // 20))
        chosen = torch.from_numpy(next(batches)[mine])
        return learner.learn(ExampleRows(frames[chosen], targets[chosen]), config.batch)

    log = training.run(step, config.batch)
    network.cpu()
    network.eval()
    with torch.inference_mode():
        blocks = [network.features(block) for block in torch.from_numpy(held_out.frames).split(256)]
        features = torch.cat(blocks)
        predicted = network.head(features).numpy() * std + mean
    scale = float(features.var(dim=0).mean().sqrt().clamp(min=1e-6))
    r2 = _explained(predicted, held_out.targets)
    return WorldFeatures(network, size, config.width, examples.names, r2, scale), log


def _state_error(network: WorldNet, rows: ExampleRows, device: torch.device) -> torch.Tensor:
    """Mean over quantities of the squared error of those that a frame has, on average over the batch."""
    wanted = rows.targets.to(device)
    seen = wanted.isfinite()
    errors = (network(rows.frames.to(device)) - wanted.nan_to_num()).square() * seen
    # How many frames have a quantity, on average over the shares.
    return (errors.sum(dim=0) / batch_mean(seen.float().sum(dim=0)).clamp(min=1e-6)).mean()


def _picks(frames: int, config: WorldFeaturesConfig) -> Iterator[np.ndarray]:
    """Frames of one batch after another, drawn with replacement."""
    generator = np.random.default_rng(config.seed)
    while True:
        yield generator.integers(0, frames, config.batch)


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
