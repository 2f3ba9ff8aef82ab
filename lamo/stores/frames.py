"""Store of decoded frames: one per shard of clips."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from lamo.errors import LamoError
from lamo.stores.atomic import replacing
from lamo.stores.manifest import check_manifest, read_column, write_column, write_manifest
from lamo.stores.open_files import allow_open_files
from lamo.stores.rows import RowReader, RowWriter

KIND = "frames"
# Measured on real footage, see docs/stores.md: halves the bytes and decodes faster than a disk delivers.
CODEC = BloscCodec(cname="zstd", clevel=1, shuffle="noshuffle", typesize=1)


class FramesWriter:
    """Writes the frames of clips, one after the other, to `store` and then `manifest`.

    A context manager: on leaving it the store is renamed into place and its manifest written; if the body raises,
    neither exists.
    """

    def __init__(self, store: str | Path, manifest: str | Path, height: int, width: int) -> None:
        self.store, self.manifest = Path(store), Path(manifest)
        self.height, self.width = height, width
        self._clip_ids: list[str] = []
        self._offsets = [0]
        self._times: list[np.ndarray] = []

    def __enter__(self) -> Self:
        self.manifest.unlink(missing_ok=True)
        self._stack = ExitStack()
        self._path = self._stack.enter_context(replacing(self.store))
        self._group = zarr.open_group(str(self._path), mode="w")
        self._rows = RowWriter(self._path, "frames", (self.height, self.width, 3), "uint8", CODEC)
        return self

    def add_clip(self, clip_id: str, frames: np.ndarray, times: np.ndarray) -> None:
        """Append one clip: `frames` uint8 [n, H, W, 3] and their presentation `times` [n] in s."""
        if len(frames) != len(times):
            raise ValueError(f"clip {clip_id}: {len(frames)} frames but {len(times)} times")
        self._rows.append(frames)
        self._clip_ids.append(clip_id)
        self._times.append(np.asarray(times, dtype=np.float64))
        self._offsets.append(self._offsets[-1] + len(frames))

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._rows.close()
            write_column(self._group, "times", np.concatenate([np.empty(0), *self._times]))
            write_column(self._group, "clip_offsets", np.asarray(self._offsets, dtype=np.int64))
            self._group.attrs["clip_ids"] = self._clip_ids
        self._stack.__exit__(kind, error, trace)
        if kind is None:
            write_manifest(self.store, self.manifest, KIND, clips=len(self._clip_ids), frames=self._offsets[-1])


class FramesStore:
    """A finished frames store, checked against its manifest.

    `frames` rows uint8 [N, H, W, 3]; `times` [N] in s; `clip_ids`; `offsets` [C + 1]: clip i is rows
    `offsets[i]` to `offsets[i + 1]`.
    """

    def __init__(self, store: str | Path, manifest: str | Path) -> None:
        self.path = Path(store)
        check_manifest(self.path, Path(manifest), KIND)
        group = zarr.open_group(str(store), mode="r", zarr_format=3)
        self.frames = RowReader(self.path / "frames")
        self.times: np.ndarray = read_column(group, "times")
        self.offsets: np.ndarray = read_column(group, "clip_offsets")
        self.clip_ids: list[str] = list(cast(list[str], group.attrs["clip_ids"]))

    def __len__(self) -> int:
        return len(self.clip_ids)

    def clip(self, index: int) -> np.ndarray:
        """Frames of one clip, uint8 [n, H, W, 3]."""
        return self.frames[self.offsets[index] : self.offsets[index + 1]]


def open_frames(stores: list[str], manifests: list[str]) -> list[FramesStore]:
    """Open several shards of one split; `LamoError` if together they hold no clip."""
    allow_open_files(len(stores))
    opened = [FramesStore(store, manifest) for store, manifest in zip(stores, manifests, strict=True)]
    if not any(len(store) for store in opened):
        raise LamoError(f"{', '.join(stores)}: no clips; see clips.parquet for why every clip was quarantined")
    return opened
