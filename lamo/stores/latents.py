"""Store of latent states and motion tokens: one per shard of clips."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import numpy as np
import zarr

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.stores.manifest import check_manifest, read_column, write_column, write_manifest
from lamo.stores.open_files import allow_open_files
from lamo.stores.rows import RowReader, RowWriter

KIND = "latents"


class LatentsWriter:
    """Writes states and motion tokens of clips to `store`, then `manifest` (see `FramesWriter` for the guarantees).

    The store records the patch `grid` (rows, columns) that the P patches of a state fill row by row, and the pyramid
    `levels` that are joined in its channels, so that later stages need not ask the Midway Network.
    """

    def __init__(self, store: str | Path, manifest: str | Path, grid: tuple[int, int], levels: Sequence[int]) -> None:
        self.store = Path(store)
        self.manifest = Path(manifest)
        self.grid = grid
        self.levels = levels
        self._clip_ids: list[str] = []
        self._offsets = [0]
        self._rows: dict[str, RowWriter] = {}

    def __enter__(self) -> Self:
        self.manifest.unlink(missing_ok=True)
        self._stack = ExitStack()
        self._path = self._stack.enter_context(replacing(self.store))
        self._group = zarr.open_group(str(self._path), mode="w")
        return self

    def add_clip(self, clip_id: str, state: np.ndarray, motion: np.ndarray) -> None:
        """Append one clip: `state` [n, P, D_z] and `motion` [n, L, M, D_m] (last row unused), stored as float16.

        Raises `LamoError` if a value is not finite or beyond float16, `ValueError` if the shapes do not agree.
        """
        if len(state) != len(motion):
            raise ValueError(f"clip {clip_id}: {len(state)} states but {len(motion)} rows of motion tokens")
        if state.shape[1] != self.grid[0] * self.grid[1]:
            raise ValueError(f"clip {clip_id}: {state.shape[1]} patches per state, expected those of grid {self.grid}")
        for name, values in (("state", state), ("motion", motion)):
            self._writer(name, values.shape[1:]).append(_half(values, f"clip {clip_id}: {name}"))
        self._clip_ids.append(clip_id)
        self._offsets.append(self._offsets[-1] + len(state))

    def _writer(self, name: str, row: tuple[int, ...]) -> RowWriter:
        if name not in self._rows:
            self._rows[name] = RowWriter(self._path, name, row, "float16")
        return self._rows[name]

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            for rows in self._rows.values():
                rows.close()
            write_column(self._group, "clip_offsets", np.asarray(self._offsets, dtype=np.int64))
            self._group.attrs["clip_ids"] = self._clip_ids
            self._group.attrs["grid"] = list(self.grid)
            self._group.attrs["levels"] = list(self.levels)
        self._stack.__exit__(kind, error, trace)
        if kind is None:
            write_manifest(self.store, self.manifest, KIND, clips=len(self._clip_ids), frames=self._offsets[-1])


def _half(values: np.ndarray, what: str) -> np.ndarray:
    """The values as float16; `LamoError` if one is not finite, or too large."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16, copy=False)
    if not all_finite(half):
        largest = float(np.abs(values).max())
        raise LamoError(f"{what} reaches {largest:g}, beyond float16 (65504); is the Midway model sane?")
    return half


def all_finite(half: np.ndarray) -> bool:
    """Whether a contiguous float16 array holds neither an infinity nor NaN."""
    # All bits of the exponent set; many times faster than np.isfinite on float16.
    return not ((half.view(np.uint16) & 0x7C00) == 0x7C00).any()


class LatentsStore:
    """A finished latents store, checked against its manifest.

    `state` rows float16 [N, P, D_z]; `motion` float16 [N, L, M, D_m], row t leading from frame t to t + 1 of its
    clip (the last row of a clip is zeros); `clip_ids`, `offsets` as in `FramesStore`; `grid` and `levels` as in
    `LatentsWriter`. A shard without clips has no arrays. Raises `LamoError` if the store does not say its grid.
    """

    def __init__(self, store: str | Path, manifest: str | Path) -> None:
        self.path = Path(store)
        check_manifest(self.path, Path(manifest), KIND)
        group = zarr.open_group(str(store), mode="r", zarr_format=3)
        self.offsets: np.ndarray = read_column(group, "clip_offsets")
        self.clip_ids: list[str] = list(cast(list[str], group.attrs["clip_ids"]))
        if "grid" not in group.attrs or "levels" not in group.attrs:
            raise LamoError(
                f"{store}: found no patch grid and levels in its attributes, expected both: an older version wrote "
                "this store; delete it and run stage 03 again"
            )
        rows, columns = cast(list[int], group.attrs["grid"])
        self.grid: tuple[int, int] = (rows, columns)
        self.levels: tuple[int, ...] = tuple(cast(list[int], group.attrs["levels"]))
        if self.clip_ids:
            self.state = RowReader(self.path / "state")
            self.motion = RowReader(self.path / "motion")

    def __len__(self) -> int:
        return len(self.clip_ids)


def open_latents(stores: list[str], manifests: list[str]) -> list[LatentsStore]:
    """Open the shards of one split that hold clips; `LamoError` if none does, or if their grids or levels differ."""
    allow_open_files(2 * len(stores))
    opened = [LatentsStore(store, manifest) for store, manifest in zip(stores, manifests, strict=True)]
    opened = [store for store in opened if len(store)]
    if not opened:
        raise LamoError(f"{', '.join(stores)}: no clips; see clips.parquet for why every clip was quarantined")
    first = opened[0]
    for store in opened[1:]:
        if (store.grid, store.levels) != (first.grid, first.levels):
            raise LamoError(
                f"{store.path}: found grid {store.grid} and levels {store.levels}, expected {first.grid} and "
                f"{first.levels} as in {first.path}; run stage 03 again"
            )
    return opened
