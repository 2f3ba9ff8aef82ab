"""A manifest notices every way in which a store can differ from the one it was written for."""

import numpy as np
import pytest
import zarr

from lamo.errors import LamoError
from lamo.stores import manifest as manifest_module
from lamo.stores.atomic import read_json, write_json
from lamo.stores.manifest import check_manifest, write_manifest


@pytest.fixture
def finished(tmp_path):
    store, manifest = tmp_path / "clips.zarr", tmp_path / "clips.manifest.json"
    group = zarr.open_group(str(store), mode="w")
    group.create_array("values", data=np.arange(1, 13, dtype=np.int16).reshape(4, 3), chunks=(2, 3))
    group.create_array("empty", shape=(0, 5), dtype="uint8")
    write_manifest(store, manifest, "frames", clips=4)
    return store, manifest


def chunk(store):
    return store / "values" / "c" / "0" / "0"


def test_an_untouched_store_passes_and_gives_its_facts(finished):
    assert check_manifest(*finished, "frames") == {"clips": 4}


def test_arrays_and_checksums_stand_in_the_manifest(finished):
    content = read_json(finished[1])
    assert content["arrays"] == {
        "values": {"shape": [4, 3], "dtype": "int16"},
        "empty": {"shape": [0, 5], "dtype": "uint8"},
    }
    assert content["files"]["values/c/0/0"]["bytes"] == chunk(finished[0]).stat().st_size
    assert {"zarr.json", "values/zarr.json", "values/c/1/0"} <= content["files"].keys()


@pytest.mark.parametrize("position", [0, 5, -1])
def test_a_flipped_byte_is_noticed(finished, position):
    damaged = chunk(finished[0])
    content = bytearray(damaged.read_bytes())
    content[position] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(LamoError, match=r"clips\.zarr/values/c/0/0: found .* the manifest expects"):
        check_manifest(*finished, "frames")


def test_a_missing_file_is_noticed(finished):
    chunk(finished[0]).unlink()
    with pytest.raises(LamoError, match=r"clips\.zarr/values/c/0/0: found no file"):
        check_manifest(*finished, "frames")


def test_a_truncated_file_is_noticed(finished):
    chunk(finished[0]).write_bytes(chunk(finished[0]).read_bytes()[:-1])
    with pytest.raises(LamoError, match="values/c/0/0"):
        check_manifest(*finished, "frames")


def test_another_kind_is_refused(finished):
    with pytest.raises(LamoError, match=r"clips\.manifest\.json: .*'frames'.*expected.*'latents'"):
        check_manifest(*finished, "latents")


def test_another_format_is_refused(finished):
    write_json(finished[1], read_json(finished[1]) | {"format": 99})
    with pytest.raises(LamoError, match=r"clips\.manifest\.json: .*99"):
        check_manifest(*finished, "frames")


@pytest.mark.parametrize("content", [[], {}, "text"])
def test_json_that_is_no_manifest_is_refused(finished, content):
    write_json(finished[1], content)
    with pytest.raises(LamoError, match=r"clips\.manifest\.json"):
        check_manifest(*finished, "frames")


def test_a_store_without_manifest_is_unfinished(finished):
    finished[1].unlink()
    with pytest.raises(LamoError, match=r"clips\.manifest\.json: not found"):
        check_manifest(*finished, "frames")


def test_a_manifest_without_store_is_refused(finished, tmp_path):
    finished[0].rename(tmp_path / "elsewhere.zarr")
    with pytest.raises(LamoError, match=r"clips\.zarr: the store is missing"):
        check_manifest(*finished, "frames")


@pytest.fixture
def large(finished, monkeypatch):
    """The same store, its chunks larger than what is hashed at opening."""
    monkeypatch.setattr(manifest_module, "HASHED_AT_OPENING_BYTES", chunk(finished[0]).stat().st_size - 1)
    return finished


def test_large_files_are_compared_by_size_at_opening_and_by_content_on_request(large):
    damaged = chunk(large[0])
    content = bytearray(damaged.read_bytes())
    content[5] ^= 1
    damaged.write_bytes(content)
    assert check_manifest(*large, "frames") == {"clips": 4}  # rows carry checksums that are compared when they are read
    with pytest.raises(LamoError, match=r"values/c/0/0: found \d+ bytes with SHA-256 .* expects \d+ bytes with"):
        check_manifest(*large, "frames", whole=True)
    damaged.write_bytes(content + b"x")
    with pytest.raises(LamoError, match=r"values/c/0/0: found \d+ bytes, the manifest expects"):
        check_manifest(*large, "frames")


def test_columns_of_any_length_are_hashed_at_opening(tmp_path):
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    values = np.random.default_rng(0).random(300_000)
    manifest_module.write_column(zarr.open_group(str(store), mode="w"), "times", values)
    write_manifest(store, manifest, "frames")
    np.testing.assert_array_equal(zarr.open_group(str(store), mode="r")["times"][:], values)
    files = [path for path in (store / "times" / "c").rglob("*") if path.is_file()]
    assert len(files) > 1
    for file in files:
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        with pytest.raises(LamoError, match=str(file)):
            check_manifest(store, manifest, "frames")
        content[-1] ^= 1
        file.write_bytes(content)
