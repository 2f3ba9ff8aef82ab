"""Store of rolled-out frames: one per method, seed and sampler."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr

from lamo.stores.atomic import replacing
from lamo.stores.frames import CODEC
from lamo.stores.manifest import check_manifest, read_column, write_manifest
from lamo.stores.rows import RowReader, RowWriter

KIND = "rollouts"


@dataclass(frozen=True)
class Window:
    """A rollout context: the clip and the index in it of the first context frame."""

    clip_id: str
    start: int


@dataclass(frozen=True)
class Rollouts:
    """Rolled-out frames and how far their latent states drift.

    `frames` uint8 [W, S, T, H, W, 3] for W windows, S samples, T steps; `drift` float32 [W, S, T]: root mean square of
    the predicted latent state over that of the true one (NaN where a method has no latent state); `windows`: one per
    row.
    """

    frames: np.ndarray
    drift: np.ndarray
    windows: list[Window]


def write_rollouts(store: str | Path, manifest: str | Path, rollouts: Rollouts) -> None:
    """Write `rollouts` to a Zarr store (a row per window) and its manifest."""
    store, manifest = Path(store), Path(manifest)
    manifest.unlink(missing_ok=True)
    with replacing(store) as path:
        group = zarr.open_group(str(path), mode="w")
        frames = RowWriter(path, "frames", rollouts.frames.shape[1:], "uint8", CODEC)
        frames.append(rollouts.frames)
        frames.close()
        group.create_array("drift", data=rollouts.drift.astype(np.float32))
        group.attrs["windows"] = [asdict(window) for window in rollouts.windows]
    write_manifest(store, manifest, KIND, windows=len(rollouts.windows))


def read_rollouts(store: str | Path, manifest: str | Path) -> Rollouts:
    """Read a finished store, checked against its manifest."""
    check_manifest(Path(store), Path(manifest), KIND)
    group = zarr.open_group(str(store), mode="r")
    windows = [Window(**window) for window in cast(list[dict[str, Any]], group.attrs["windows"])]
    return Rollouts(frames=RowReader(Path(store) / "frames")[:], drift=read_column(group, "drift"), windows=windows)
