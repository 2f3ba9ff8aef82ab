"""Store of rolled-out frames: one per method, seed and sampler."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import zarr

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.stores.frames import CODEC
from lamo.stores.manifest import check_manifest, read_column, write_manifest
from lamo.stores.rows import RowReader, RowWriter

KIND = "rollouts"
_OLDER = "the store was written by an older version, delete it and run stage 06 again"
LATENT = ("drift", "latent_error", "latent_spread")
NLL = "nll_"


@dataclass(frozen=True)
class Window:
    """A rollout context: the clip and the index in it of the first context frame.

    `at_fork` says that it was chosen because it starts shortly before a fork. Such windows are not spread evenly over
    the clips, so means over a run leave them out. Windows that differ in it alone are the same.
    """

    clip_id: str
    start: int
    at_fork: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Likelihood:
    """How likely a method held what came next.

    `nll` float32 [W, T]: -log p of the true motion tokens that lead to a step, or of its true state, given the true
    past, in nats per value; NaN where it was not computed. `of` says which of the two.
    """

    of: Literal["motion", "state"]
    nll: np.ndarray


@dataclass(frozen=True)
class Rollouts:
    """Rolled-out frames and how their latent states z_s compare with the true ones z and with each other.

    `frames` uint8 [W, S, T, H, W, 3] for W windows, S samples, T steps; `windows`: one per row; `deterministic`: all
    samples of a window would be the same, so that there is one. Of normalised states, with |.| the root mean square
    over all numbers of a state, and NaN where a method has no latent state:
    `drift` float32 [W, S, T]: |z_s| / |z|; `latent_error` float32 [W, S, T]: |z_s - z|; `latent_spread` float32 [W, T]:
    mean of |z_s - z_s'| over pairs of different samples, NaN with one sample. `likelihood`: of methods with a density.
    """

    frames: np.ndarray
    drift: np.ndarray
    latent_error: np.ndarray
    latent_spread: np.ndarray
    windows: list[Window]
    deterministic: bool
    likelihood: Likelihood | None = None


def write_rollouts(store: str | Path, manifest: str | Path, rollouts: Rollouts) -> None:
    """Write `rollouts` to a Zarr store (a row per window) and its manifest."""
    store, manifest = Path(store), Path(manifest)
    manifest.unlink(missing_ok=True)
    with replacing(store) as path:
        group = zarr.open_group(str(path), mode="w")
        frames = RowWriter(path, "frames", rollouts.frames.shape[1:], "uint8", CODEC)
        frames.append(rollouts.frames)
        frames.close()
        for name in LATENT:
            group.create_array(name, data=getattr(rollouts, name).astype(np.float32))
        if rollouts.likelihood:
            group.create_array(NLL + rollouts.likelihood.of, data=rollouts.likelihood.nll.astype(np.float32))
        group.attrs["windows"] = [asdict(window) for window in rollouts.windows]
        group.attrs["deterministic"] = rollouts.deterministic
    write_manifest(store, manifest, KIND, windows=len(rollouts.windows))


def read_rollouts(store: str | Path, manifest: str | Path) -> Rollouts:
    """Read a finished store, checked against its manifest.

    Raises `LamoError` if the store is unfinished or damaged, is of an older version, or holds numbers that are not
    finite though others of their kind (of likelihoods, of their step) are.
    """
    windows = read_windows(store, manifest)
    group = zarr.open_group(str(store), mode="r", zarr_format=3)
    latent = {name: _read_numbers(Path(store), group, name) for name in LATENT}
    likelihood = None
    for of in ("motion", "state"):
        if NLL + of in group:
            likelihood = Likelihood(of, _read_numbers(Path(store), group, NLL + of))
    if "deterministic" not in group.attrs:
        raise LamoError(f"{store}: found no attribute deterministic, expected true or false; {_OLDER}")
    return Rollouts(
        RowReader(Path(store) / "frames")[:],
        windows=windows,
        deterministic=bool(group.attrs["deterministic"]),
        likelihood=likelihood,
        **latent,
    )


def read_windows(store: str | Path, manifest: str | Path) -> list[Window]:
    """The windows of a finished store. Raises `LamoError` if the store is unfinished or damaged."""
    check_manifest(Path(store), Path(manifest), KIND)
    group = zarr.open_group(str(store), mode="r", zarr_format=3)
    return [Window(**window) for window in cast(list[dict[str, Any]], group.attrs["windows"])]


def _read_numbers(store: Path, group: zarr.Group, name: str) -> np.ndarray:
    if name not in group:
        raise LamoError(f"{store}: found no array {name}, expected {', '.join(LATENT)}; {_OLDER}")
    values = read_column(group, name)
    # A likelihood is known at some steps, of all windows; all else at every step or, without latent states, at none.
    parts = values.T if name.startswith(NLL) else values[None]
    finite = [np.isfinite(part).mean() for part in parts]
    if any(0 < share < 1 for share in finite):
        missing = (~np.isfinite(values)).sum()
        raise LamoError(
            f"{store}/{name}: found {missing} of {values.size} numbers that are not finite, expected all or none "
            "(methods without latent states), of likelihoods all or none of a step; the rollout diverged, run stage 06 "
            "again"
        )
    return values
