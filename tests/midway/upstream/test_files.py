"""The files of a given network are looked for before anything runs."""

import pytest

from lamo.errors import LamoError
from lamo.midway.upstream.files import checkpoint_files


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    for name in ("model.safetensors", "config.json"):
        (folder / name).touch()
    return folder


def test_none_has_no_files(tmp_path):
    assert checkpoint_files(None, tmp_path) == []


def test_a_saved_network_is_two_files(saved, tmp_path):
    files = [str(saved / "model.safetensors"), str(saved / "config.json")]
    assert checkpoint_files(saved, tmp_path / "own") == files
    assert checkpoint_files(saved / "model.safetensors", tmp_path / "own") == files


def test_a_published_checkpoint_is_one_file(tmp_path):
    file = tmp_path / "checkpoint.pth"
    file.touch()
    assert checkpoint_files(file, tmp_path / "own") == [str(file)]


def test_what_the_run_itself_writes_is_refused(saved):
    with pytest.raises(LamoError, match=r"midway\.checkpoint: .* is what this run itself writes"):
        checkpoint_files(saved, saved)
