"""Rolled-out frames with their windows."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import zarr

from lamo.errors import LamoError
from lamo.stores.manifest import write_manifest
from lamo.stores.rollouts import LATENT, Likelihood, Rollouts, Window, read_rollouts, write_rollouts


def made(windows: int, seed: int) -> Rollouts:
    rng = np.random.default_rng(seed)
    return Rollouts(
        frames=rng.integers(0, 256, (windows, 2, 3, 4, 6, 3), dtype=np.uint8),
        drift=rng.uniform(0.5, 2.0, (windows, 2, 3)).astype(np.float32),
        latent_error=rng.uniform(0, 1, (windows, 2, 3)).astype(np.float32),
        latent_spread=np.full((windows, 3), np.nan, dtype=np.float32),
        windows=[Window(f"clip {i}", 7 * i) for i in range(windows)],
        deterministic=seed > 2,
    )


def test_rollouts_come_back_as_written(tmp_path):
    where = tmp_path / "flow-5.zarr", tmp_path / "flow-5.manifest.json"
    for count in (70, 2):  # more windows than a shard; and replacing
        written = made(count, count)
        write_rollouts(*where, written)
        back = read_rollouts(*where)
        np.testing.assert_array_equal(back.frames, written.frames)
        for name in LATENT:
            np.testing.assert_array_equal(getattr(back, name), getattr(written, name))
            assert getattr(back, name).dtype == np.float32
        assert back.windows == written.windows
        assert back.deterministic is written.deterministic


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
        write_rollouts(*where, replace(broken, frames=broken.frames.astype(np.float32)))
    with pytest.raises(LamoError, match=r"gmm\.manifest\.json: not found"):
        read_rollouts(*where)


@pytest.mark.parametrize("name", LATENT)
def test_numbers_that_are_not_finite_among_others_are_named(tmp_path, name):
    where, diverged = (tmp_path / "gmm.zarr", tmp_path / "gmm.manifest.json"), made(2, 0)
    values = np.ones_like(getattr(diverged, name))
    values[1, 1] = np.inf
    write_rollouts(*where, replace(diverged, **{name: values}))
    message = rf"gmm\.zarr/{name}: found {(~np.isfinite(values)).sum()} of {values.size} numbers that are not finite"
    with pytest.raises(LamoError, match=message):
        read_rollouts(*where)


def test_a_store_of_an_older_version_is_named(tmp_path):
    store, manifest = tmp_path / "gmm.zarr", tmp_path / "gmm.manifest.json"
    write_rollouts(store, manifest, made(2, 0))
    shutil.rmtree(store / "latent_error")
    write_manifest(store, manifest, "rollouts", windows=2)
    with pytest.raises(LamoError, match=r"gmm\.zarr: found no array latent_error.*run stage 06 again"):
        read_rollouts(store, manifest)
    write_rollouts(store, manifest, made(2, 0))
    del zarr.open_group(str(store)).attrs["deterministic"]
    write_manifest(store, manifest, "rollouts", windows=2)
    with pytest.raises(LamoError, match=r"gmm\.zarr: found no attribute deterministic.*run stage 06 again"):
        read_rollouts(store, manifest)


@pytest.mark.parametrize("of", ["motion", "state", None])
def test_likelihoods_come_back_with_what_they_are_of(tmp_path, of):
    where = tmp_path / "gmm.zarr", tmp_path / "gmm.manifest.json"
    nll = np.array([[0.5, -0.25, 1.0], [2.0, 0.0, 3.0]], np.float32)
    write_rollouts(*where, replace(made(2, 0), likelihood=Likelihood(of, nll) if of else None))
    back = read_rollouts(*where).likelihood
    assert (back is None) == (of is None)
    if back:
        assert back.of == of
        np.testing.assert_array_equal(back.nll, nll)


def test_a_likelihood_is_known_of_all_windows_of_a_step_or_of_none(tmp_path):
    where = tmp_path / "gmm.zarr", tmp_path / "gmm.manifest.json"
    nll = np.array([[0.5, np.nan, 1.0], [2.0, np.nan, 3.0]], np.float32)
    write_rollouts(*where, replace(made(2, 0), likelihood=Likelihood("motion", nll)))
    np.testing.assert_array_equal(read_rollouts(*where).likelihood.nll, nll)
    nll[1, 0] = np.nan
    write_rollouts(*where, replace(made(2, 0), likelihood=Likelihood("motion", nll)))
    with pytest.raises(LamoError, match=r"gmm\.zarr/nll_motion: found 3 of 6 numbers that are not finite"):
        read_rollouts(*where)
