"""Statistics of latents and the windows read from them."""

import numpy as np
import pytest
import torch

from lamo.errors import LamoError
from lamo.predictors.data import LatentWindows, geometry_of
from lamo.predictors.statistics import Moments, Statistics, compute_statistics


def test_moments_equal_numpy_however_they_are_split():
    rows = np.random.default_rng(0).normal(1e3, 1.0, (50, 3))
    moments = Moments()
    for part in np.split(rows, [1, 1, 20, 33]):
        moments.add(part)
    np.testing.assert_allclose(moments.mean().numpy(), rows.mean(0), rtol=1e-6)
    np.testing.assert_allclose(moments.std().numpy(), rows.std(0), rtol=1e-6)


def test_statistics_leave_out_the_last_motion_row_of_a_clip(latents):
    statistics = compute_statistics([latents])
    state, motion = latents.state[:].astype(np.float64), latents.motion[:].astype(np.float64)
    motion = np.delete(motion, latents.offsets[1:] - 1, axis=0)
    np.testing.assert_allclose(statistics.motion_mean, motion.mean(0), rtol=1e-5)
    np.testing.assert_allclose(statistics.motion_std, motion.std(0), rtol=1e-5)
    np.testing.assert_allclose(statistics.state_mean, state.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(statistics.state_std, state.std((0, 1)), rtol=1e-5)


def test_normalisation_is_undone_exactly(latents):
    statistics = compute_statistics([latents])
    motion, state = torch.from_numpy(latents.motion[:]).float(), torch.from_numpy(latents.state[:]).float()
    restored = statistics.restore_motion(statistics.normalise_motion(motion))
    torch.testing.assert_close(restored, motion, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(statistics.restore_state(statistics.normalise_state(state)), state, rtol=1e-6, atol=1e-6)
    normal = statistics.normalise_state(state)
    assert float(normal.mean()) == pytest.approx(0, abs=1e-5)
    assert float(normal.std()) == pytest.approx(1, abs=1e-3)


def test_constant_channels_are_centred_and_not_scaled():
    moments = Moments()
    moments.add(np.full((4, 2), 7.0))
    assert moments.std().tolist() == [1.0, 1.0]


def test_saved_and_loaded_is_the_same(latents, tmp_path):
    statistics = compute_statistics([latents])
    statistics.save(tmp_path / "statistics.safetensors")
    loaded = Statistics.load(tmp_path / "statistics.safetensors")
    assert torch.equal(loaded.motion_std, statistics.motion_std)
    assert torch.equal(loaded.state_mean, statistics.state_mean)


def test_missing_or_damaged_statistics_are_named(tmp_path):
    path = tmp_path / "statistics.safetensors"
    with pytest.raises(LamoError, match=r"statistics\.safetensors"):
        Statistics.load(path)
    path.write_bytes(b"no")
    with pytest.raises(LamoError, match="cannot be read"):
        Statistics.load(path)


@pytest.mark.parametrize(("name", "value"), [("motion_mean", np.nan), ("state_std", np.inf), ("motion_std", 0.0)])
def test_statistics_that_cannot_normalise_are_refused(latents, tmp_path, name, value):
    statistics = compute_statistics([latents])
    getattr(statistics, name).flatten()[1] = value
    statistics.save(tmp_path / "statistics.safetensors")
    with pytest.raises(LamoError, match=r"statistics\.safetensors: found means or deviations that are not finite"):
        Statistics.load(tmp_path / "statistics.safetensors")


@pytest.mark.parametrize("which", ["state", "motion"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_windows_name_the_clip_whose_values_are_not_finite(latents, which, value):
    """Also in a store of validation clips, of which nobody computes statistics."""

    class Broken:
        path, clip_ids, offsets = latents.path, latents.clip_ids, latents.offsets
        state, motion = latents.state[:], latents.motion[:]

    windows = LatentWindows([latents, Broken], 3, compute_statistics([latents]))
    # Clip c begins at row 17 and holds the last five windows of each store.
    getattr(Broken, which)[20].flat[3] = value
    assert torch.isfinite(windows.read([0, 13, 14, 22]).states).all()
    with pytest.raises(LamoError, match=rf"latents\.zarr: clip c: its {which} holds values that are not finite"):
        windows.read([0, 23])


def test_values_that_are_not_finite_are_named(latents):
    class Broken:
        path, clip_ids, offsets, state = latents.path, latents.clip_ids, latents.offsets, latents.state
        motion = np.where(np.arange(26)[:, None, None, None] == 13, np.nan, latents.motion[:])

    with pytest.raises(LamoError, match="motion of clip b"):
        compute_statistics([Broken()])
    with pytest.raises(LamoError, match="no transition"):
        compute_statistics([])


def test_windows_line_motion_up_with_states(latents):
    statistics = compute_statistics([latents])
    windows = LatentWindows([latents], 3, statistics)
    # Clips of 12, 5 and 9 frames hold 8, 1 and 5 windows of 5 frames.
    assert len(windows) == 14
    batch = windows.batch([2, 8])
    state, motion = torch.from_numpy(latents.state[:]).float(), torch.from_numpy(latents.motion[:]).float()
    torch.testing.assert_close(batch.context.states[0], statistics.normalise_state(state[2:6]))
    torch.testing.assert_close(batch.state[1], statistics.normalise_state(state[16]))
    torch.testing.assert_close(batch.context.motion[1], statistics.normalise_motion(motion[12:15]))
    torch.testing.assert_close(batch.motion[0], statistics.normalise_motion(motion[5]))
    assert torch.equal(batch.last("motion"), batch.context.motion[:, -1])
    assert torch.equal(batch.last("state"), batch.context.states[:, -1])


def test_too_short_clips_are_refused(latents):
    statistics = compute_statistics([latents])
    with pytest.raises(LamoError, match="the longest has 12 frames, a window needs 13"):
        LatentWindows([latents], 11, statistics)


def test_sizes_are_those_of_the_stores(latents, geometry):
    assert geometry_of([latents], geometry.history) == geometry
