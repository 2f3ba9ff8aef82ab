"""Frames of clips: round trip, the empty shard and the interrupted writer."""

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.stores.frames import FramesStore, FramesWriter, open_frames


def clip(length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (length, 4, 6, 3), dtype=np.uint8), np.sort(rng.uniform(0, 9, length))


def paths(folder, name="a"):
    return folder / f"{name}.zarr", folder / f"{name}.manifest.json"


def write(where, clips: dict) -> None:
    with FramesWriter(*where, 4, 6) as writer:
        for name, (frames, times) in clips.items():
            writer.add_clip(name, frames, times)


def test_clips_come_back_with_ids_times_and_offsets(tmp_path):
    clips = {"one": clip(5, 0), "drive/ü": clip(1, 1), "three": clip(20, 2)}
    write(paths(tmp_path), clips)
    store = FramesStore(*paths(tmp_path))
    assert store.clip_ids == list(clips)
    assert len(store) == 3
    assert store.offsets.tolist() == [0, 5, 6, 26]
    assert store.frames.dtype == np.uint8
    for index, (frames, _) in enumerate(clips.values()):
        np.testing.assert_array_equal(store.clip(index), frames)
    np.testing.assert_array_equal(store.times, np.concatenate([times for _, times in clips.values()]))


def test_an_empty_shard_can_be_written_and_read(tmp_path):
    write(paths(tmp_path), {})
    store = FramesStore(*paths(tmp_path))
    assert len(store) == 0
    assert store.frames.shape == (0, 4, 6, 3)
    assert store.times.shape == (0,)
    assert store.offsets.tolist() == [0]


def test_a_split_may_have_empty_shards_but_not_only_such(tmp_path):
    write(paths(tmp_path, "empty"), {})
    write(paths(tmp_path, "full"), {"one": clip(2, 0)})
    stores, manifests = zip(paths(tmp_path, "empty"), paths(tmp_path, "full"), strict=True)
    assert [len(store) for store in open_frames(stores, manifests)] == [0, 1]
    with pytest.raises(LamoError, match=r"empty\.zarr: no clips"):
        open_frames([str(stores[0])], [manifests[0]])


def test_an_interrupted_writer_leaves_neither_store_nor_manifest(tmp_path):
    write(paths(tmp_path), {"old": clip(2, 0)})

    def interrupted():
        with FramesWriter(*paths(tmp_path), 4, 6) as writer:
            writer.add_clip("new", *clip(3, 1))
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        interrupted()
    # The old store may stand, but without its manifest nobody takes it for finished.
    assert not paths(tmp_path)[1].exists()
    with pytest.raises(LamoError, match="not found"):
        FramesStore(*paths(tmp_path))
    fresh = paths(tmp_path, "fresh")
    with pytest.raises(ValueError, match="expected uint8"), FramesWriter(*fresh, 4, 6) as writer:
        writer.add_clip("wide", np.zeros((2, 4, 7, 3), np.uint8), np.zeros(2))
    assert not fresh[0].exists()
    assert not fresh[1].exists()


def test_writing_again_replaces_the_store(tmp_path):
    write(paths(tmp_path), {"old": clip(30, 0)})
    write(paths(tmp_path), {"new": clip(3, 1)})
    store = FramesStore(*paths(tmp_path))
    assert store.clip_ids == ["new"]
    np.testing.assert_array_equal(store.frames[:], clip(3, 1)[0])


def test_every_frame_needs_its_time(tmp_path):
    frames, times = clip(4, 0)
    with pytest.raises(ValueError, match="clip x: 4 frames but 3 times"):
        write(paths(tmp_path), {"x": (frames, times[:3])})
