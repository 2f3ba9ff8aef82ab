"""Latent states and motion tokens: round trip in float16, and what is refused."""

import numpy as np
import pytest
import zarr

from lamo.errors import LamoError
from lamo.stores.frames import FramesWriter
from lamo.stores.latents import KIND, LatentsStore, LatentsWriter, open_latents
from lamo.stores.manifest import write_manifest

FLOAT16_MAX = 65504.0


def clip(length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(length, 6, 4)).astype(np.float32), rng.normal(size=(length, 2, 3, 5)).astype(np.float32)


def paths(folder, name="a"):
    return folder / f"{name}.zarr", folder / f"{name}.manifest.json"


def write(where, clips: dict, grid=(2, 3), levels=(0, 2)) -> None:
    with LatentsWriter(*where, grid, levels) as writer:
        for name, (state, motion) in clips.items():
            writer.add_clip(name, state, motion)


def test_clips_come_back_in_float16(tmp_path):
    clips = {"one": clip(11, 0), "two": clip(2, 1)}
    write(paths(tmp_path), clips)
    store = LatentsStore(*paths(tmp_path))
    assert (store.clip_ids, store.offsets.tolist(), len(store)) == (["one", "two"], [0, 11, 13], 2)
    assert (store.grid, store.levels) == ((2, 3), (0, 2))
    assert store.state.dtype == store.motion.dtype == np.float16
    for index, (state, motion) in enumerate(clips.values()):
        rows = slice(store.offsets[index], store.offsets[index + 1])
        np.testing.assert_array_equal(store.state[rows], state.astype(np.float16))
        np.testing.assert_array_equal(store.motion[rows], motion.astype(np.float16))


def test_the_largest_float16_is_kept(tmp_path):
    state, motion = clip(3, 0)
    state[1, 2, 3], motion[0, 0, 0, 0] = FLOAT16_MAX, -FLOAT16_MAX
    write(paths(tmp_path), {"one": (state, motion)})
    store = LatentsStore(*paths(tmp_path))
    assert store.state[1][2, 3] == FLOAT16_MAX
    assert store.motion[0][0, 0, 0] == -FLOAT16_MAX


@pytest.mark.parametrize("which", ["state", "motion"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 7e4, -7e4])
def test_values_beyond_float16_are_refused_by_name(tmp_path, which, value):
    arrays = dict(zip(("state", "motion"), clip(3, 0), strict=True))
    arrays[which].flat[7] = value
    with pytest.raises(LamoError, match=f"clip bad: {which} reaches"):
        write(paths(tmp_path), {"good": clip(3, 1), "bad": tuple(arrays.values())})
    assert list(tmp_path.iterdir()) == []


def test_an_empty_shard_has_no_arrays_and_is_left_out_of_a_split(tmp_path):
    write(paths(tmp_path, "empty"), {})
    write(paths(tmp_path, "full"), {"one": clip(2, 0)})
    empty = LatentsStore(*paths(tmp_path, "empty"))
    assert (len(empty), empty.offsets.tolist()) == (0, [0])
    assert not hasattr(empty, "state")
    assert not hasattr(empty, "motion")
    stores, manifests = zip(paths(tmp_path, "empty"), paths(tmp_path, "full"), strict=True)
    assert [store.path for store in open_latents(stores, manifests)] == [stores[1]]
    with pytest.raises(LamoError, match=r"empty\.zarr: no clips"):
        open_latents([str(stores[0])], [manifests[0]])


def test_an_interrupted_writer_leaves_neither_store_nor_manifest(tmp_path):
    def interrupted():
        with LatentsWriter(*paths(tmp_path), (2, 3), (0,)) as writer:
            writer.add_clip("one", *clip(3, 1))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_frames_manifest_does_not_open_as_latents(tmp_path):
    with FramesWriter(*paths(tmp_path), 4, 6):
        pass
    with pytest.raises(LamoError, match=r"a\.manifest\.json: found kind"):
        LatentsStore(*paths(tmp_path))


def test_state_and_motion_need_equally_many_rows(tmp_path):
    state, motion = clip(4, 0)
    with pytest.raises((LamoError, ValueError)):
        write(paths(tmp_path), {"x": (state, motion[:3])})


def test_the_patches_fill_the_grid(tmp_path):
    with pytest.raises(ValueError, match=r"6 patches per state, expected those of grid \(2, 4\)"):
        write(paths(tmp_path), {"x": clip(4, 0)}, grid=(2, 4))


def test_a_store_of_before_is_refused_with_what_to_do(tmp_path):
    store, manifest = paths(tmp_path)
    write((store, manifest), {"x": clip(4, 0)})
    group = zarr.open_group(str(store), mode="r+")
    del group.attrs["grid"]
    write_manifest(store, manifest, KIND, clips=1, frames=4)
    with pytest.raises(LamoError, match=r"a\.zarr: found no patch grid.*run stage 03 again"):
        LatentsStore(store, manifest)


@pytest.mark.parametrize("other", [{"grid": (3, 2)}, {"levels": (0,)}])
def test_shards_of_a_split_are_alike(tmp_path, other):
    write(paths(tmp_path, "a"), {"one": clip(2, 0)})
    write(paths(tmp_path, "b"), {"two": clip(2, 1)}, **other)
    stores, manifests = zip(paths(tmp_path, "a"), paths(tmp_path, "b"), strict=True)
    with pytest.raises(LamoError, match=r"b\.zarr: found grid .* as in .*a\.zarr; run stage 03 again"):
        open_latents(stores, manifests)
