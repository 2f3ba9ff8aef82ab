"""Whatever byte of a finished store is changed or missing, opening it or reading all of it names the file."""

import shutil

import numpy as np
import pytest
from damaged_kinds import KINDS

from lamo.errors import LamoError
from lamo.stores import checksums as checksums_module


@pytest.fixture(params=[True, False], ids=["hashed", "rows only"])
def opening(request, monkeypatch):
    """Small stores are hashed when they are opened; of large ones the rows alone speak for themselves."""
    if not request.param:
        monkeypatch.setattr(checksums_module, "_agree", _same_size)


def _same_size(expected, actual):
    return actual is not None and expected["bytes"] == actual["bytes"]


@pytest.fixture(params=list(KINDS))
def stored(request, tmp_path, opening):
    write, read = KINDS[request.param]
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    write(store, manifest)
    return store, manifest, read


def shards(store):
    """The files of the rows."""
    return [p for p in sorted(store.rglob("*")) if p.is_file() and p.name == "0" and "clip_offsets" not in str(p)]


def test_every_changed_byte_of_the_rows_is_refused(stored):
    store, manifest, read = stored
    good = read(store, manifest)
    for file in [p for p in shards(store) if "times" not in p.parts]:
        content = file.read_bytes()
        for position in range(len(content)):
            file.write_bytes(content[:position] + bytes([content[position] ^ 4]) + content[position + 1 :])
            with pytest.raises(LamoError, match=str(file)):
                read(store, manifest)
        file.write_bytes(content)
    for before, after in zip(good, read(store, manifest), strict=True):
        np.testing.assert_array_equal(after, before)


def test_every_missing_or_shortened_file_is_refused(stored):
    store, manifest, read = stored
    for file in [p for p in store.rglob("*") if p.is_file()]:
        content = file.read_bytes()
        file.unlink()
        with pytest.raises(LamoError, match=f"{file}: found no file"):
            read(store, manifest)
        file.write_bytes(content[:-1])
        with pytest.raises(LamoError, match=f"{file}: found {len(content) - 1} bytes"):
            read(store, manifest)
        file.write_bytes(content)


@pytest.mark.parametrize("kind", list(KINDS))
def test_small_stores_are_hashed_to_the_last_byte(tmp_path, kind):
    write, read = KINDS[kind]
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    write(store, manifest)
    for file in [p for p in store.rglob("*") if p.is_file()]:
        content = file.read_bytes()
        for position in (0, len(content) // 2, len(content) - 1):
            file.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
            with pytest.raises(LamoError, match=str(file)):
                read(store, manifest)
        file.write_bytes(content)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_store_whose_writer_stopped_is_none(tmp_path, kind):
    write, read = KINDS[kind]
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    write(store, manifest)
    manifest.unlink()
    with pytest.raises(LamoError, match=r"0\.manifest\.json: not found"):
        read(store, manifest)
    write(store, manifest)
    shutil.rmtree(store)
    with pytest.raises(LamoError, match="the store is missing"):
        read(store, manifest)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_clips_give_the_same_bytes(tmp_path, kind):
    write, _ = KINDS[kind]
    for name in "ab":
        write(tmp_path / f"{name}.zarr", tmp_path / f"{name}.manifest.json")
    assert (tmp_path / "a.manifest.json").read_bytes() == (tmp_path / "b.manifest.json").read_bytes()
