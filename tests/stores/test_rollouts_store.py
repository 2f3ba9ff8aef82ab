"""Rolled-out frames with their windows."""

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.stores.rollouts import Rollouts, Window, read_rollouts, write_rollouts


def made(windows: int, seed: int) -> Rollouts:
    rng = np.random.default_rng(seed)
    drift = rng.uniform(0.5, 2.0, (windows, 2, 3)).astype(np.float32)
    drift[0, 0] = np.nan
    return Rollouts(
        frames=rng.integers(0, 256, (windows, 2, 3, 4, 6, 3), dtype=np.uint8),
        drift=drift,
        windows=[Window(f"clip {i}", 7 * i) for i in range(windows)],
    )


def test_rollouts_come_back_as_written(tmp_path):
    where = tmp_path / "flow-5.zarr", tmp_path / "flow-5.manifest.json"
    for count in (70, 2):  # more windows than a shard; and replacing
        written = made(count, count)
        write_rollouts(*where, written)
        back = read_rollouts(*where)
        np.testing.assert_array_equal(back.frames, written.frames)
        np.testing.assert_array_equal(back.drift, written.drift)
        assert back.drift.dtype == np.float32
        assert back.windows == written.windows


def test_damaged_rollouts_are_refused(tmp_path):
    where = tmp_path / "gmm.zarr", tmp_path / "gmm.manifest.json"
    write_rollouts(*where, made(2, 0))
    damaged = next(p for p in (where[0] / "frames" / "c").rglob("*") if p.is_file())
    damaged.write_bytes(damaged.read_bytes()[::-1])
    with pytest.raises(LamoError, match=r"gmm\.zarr/frames/c"):
        read_rollouts(*where)


def test_a_failed_write_invalidates_the_old_rollouts(tmp_path):
    where = tmp_path / "gmm.zarr", tmp_path / "gmm.manifest.json"
    write_rollouts(*where, made(2, 0))
    broken = made(2, 1)
    with pytest.raises(ValueError, match="array frames"):
        write_rollouts(*where, Rollouts(broken.frames.astype(np.float32), broken.drift, broken.windows))
    with pytest.raises(LamoError, match=r"gmm\.manifest\.json: not found"):
        read_rollouts(*where)
