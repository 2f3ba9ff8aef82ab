"""Files that others leave in a store are passed over and said once; what the store lists is still compared."""

import logging
import os

import numpy as np
import pytest
import zarr
from damaged_kinds import KINDS

from lamo.errors import LamoError
from lamo.stores import unlisted as unlisted_module
from lamo.stores.atomic import read_json
from lamo.stores.checksums import checksums, is_foreign
from lamo.stores.frames import FramesStore, FramesWriter
from lamo.stores.manifest import check_manifest

LEFT_BY_OTHERS = [
    *(".DS_Store", "._zarr.json", ".nfs0000000004a3b2c100000007", ".fuse_hidden0000001a00000002", ".~lock.zarr.json#"),
    *("Thumbs.db", "desktop.ini", "@eaDir/zarr.json@SynoEAStream", "zarr.json~", "#zarr.json#", ".zarr.json.swp"),
    *("__MACOSX/._0", "notes.txt", "more", "clip_offsets/c/.DS_Store", "clip_offsets/more/zarr.json", "a b/ü\n.txt"),
    *("frames/c/0/0/0/._0", ".zgroup", ".zattrs", ".zmetadata", "times/.zarray", "copy of zarr.json"),
]


@pytest.fixture(params=list(KINDS))
def stored(request, tmp_path):
    write, read = KINDS[request.param]
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    write(store, manifest)
    return store, manifest, read


def put(store, name, content=b"Bud1"):
    path = store / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", LEFT_BY_OTHERS)
def test_a_foreign_file_is_passed_over(stored, name, recwarn):
    store, manifest, read = stored
    before = read(store, manifest)
    put(store, name)
    for one, other in zip(before, read(store, manifest), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not recwarn.list


def test_folders_links_and_bytes_that_are_no_text_are_passed_over(stored):
    store, manifest, read = stored
    (store / "empty folder").mkdir()
    (store / "loop").symlink_to(store)
    (store / "nowhere").symlink_to("gone")
    os.mkfifo(store / "pipe")
    with open(os.path.join(os.fsencode(store), b"\xff.txt"), "wb"):
        pass
    read(store, manifest)


def test_what_is_passed_over_is_said_once(stored, caplog, monkeypatch):
    monkeypatch.setattr(unlisted_module, "_said", set())
    store, manifest, read = stored
    for name in ("b", "a", "d", "c", ".snakemake_timestamp"):
        put(store, name)
    with caplog.at_level(logging.INFO, "lamo"):
        read(store, manifest)
        read(store, manifest)
    assert caplog.messages == [f"{store}: passed over, not part of it: a, b, c and 1 more"]


def test_damage_beside_a_foreign_file_is_still_damage(stored):
    store, manifest, read = stored
    put(store, ".DS_Store")
    (store / "zarr.json").write_bytes(b"{}")
    with pytest.raises(LamoError, match=r"zarr\.json: found 2 bytes .* the manifest expects"):
        read(store, manifest)
    (store / "zarr.json").unlink()
    with pytest.raises(LamoError, match=r"zarr\.json: found no file"):
        read(store, manifest)


def test_a_chunk_that_the_manifest_does_not_list_is_damage(tmp_path):
    """Zarr does not write a chunk of zeros: a file in its place would be read as data."""
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    with FramesWriter(store, manifest, 4, 6) as writer:
        writer.add_clip("still", np.zeros((1, 4, 6, 3), np.uint8), np.zeros(1))
    assert "times/c/0" not in read_json(manifest)["files"]
    assert FramesStore(store, manifest).times == [0.0]
    group = zarr.open_group(str(tmp_path / "other.zarr"), mode="w")
    group.create_array("times", data=np.ones(1), chunks=(65536,))
    chunk = put(store, "times/c/0", (tmp_path / "other.zarr" / "times" / "c" / "0").read_bytes())
    assert zarr.open_group(str(store), mode="r")["times"][:] == [1.0]
    with pytest.raises(LamoError, match=r"times/c/0: the manifest expects no file there, .* delete that file"):
        FramesStore(store, manifest)
    with pytest.raises(LamoError, match="delete that file"):
        check_manifest(store, manifest, "frames", whole=True)
    chunk.unlink()
    assert FramesStore(store, manifest).times == [0.0]


@pytest.mark.parametrize(("name", "read_as_data"), [("c/1", True), ("c/2", False), ("c/01", False), ("c/0/1", False)])
def test_only_chunks_that_an_array_has_are_read_as_data(tmp_path, name, read_as_data):
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    with FramesWriter(store, manifest, 4, 6) as writer:
        for clip in range(2):
            writer.add_clip(str(clip), np.zeros((40_000, 4, 6, 3), np.uint8), np.zeros(40_000))
    put(store, f"times/{name}")
    if read_as_data:
        with pytest.raises(LamoError, match=f"times/{name}: the manifest expects no file there"):
            FramesStore(store, manifest)
    else:
        assert len(FramesStore(store, manifest)) == 2


def test_foreign_files_that_are_there_while_a_store_is_written_are_not_listed(tmp_path):
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    with FramesWriter(store, manifest, 4, 6) as writer:
        writer.add_clip("one", np.zeros((2, 4, 6, 3), np.uint8), np.arange(2.0))
        put(writer._path, ".DS_Store")
        put(writer._path, "frames/Thumbs.db")
    assert (store / ".DS_Store").exists()
    assert not [name for name in read_json(manifest)["files"] if is_foreign(name)]
    (store / ".DS_Store").unlink()
    (store / "frames" / "Thumbs.db").write_bytes(b"another")
    FramesStore(store, manifest)


def test_what_is_foreign():
    ours = ("zarr.json", "frames/c/0/0/0/0", "rollout-1.mp4", "train-0001.mov", "clip_offsets/zarr.json", "table.md")
    assert not any(map(is_foreign, ours))
    assert is_foreign("@eaDir/rollout-1.mp4")
    assert is_foreign("figures/.DS_Store")


def test_checksums_leave_foreign_files_out(tmp_path):
    put(tmp_path, "a/b", b"1")
    put(tmp_path, "a/.DS_Store")
    put(tmp_path, ".hidden/b")
    assert list(checksums(tmp_path)) == ["a/b"]
