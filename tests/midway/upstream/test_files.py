"""The files of given networks are looked for before anything runs."""

import re

import pytest

from lamo.errors import LamoError
from lamo.midway.upstream.files import checkpoint_files, start_files


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    for name in ("model.safetensors", "config.json"):
        (folder / name).touch()
    return folder


def test_none_has_no_files(tmp_path):
    assert start_files(None, tmp_path) == checkpoint_files(None, tmp_path) == []


def test_a_saved_network_is_two_files(saved, tmp_path):
    files = [str(saved / "model.safetensors"), str(saved / "config.json")]
    assert start_files(saved, tmp_path) == checkpoint_files(saved, tmp_path) == files
    assert checkpoint_files(saved / "model.safetensors", tmp_path) == files


def test_a_published_checkpoint_is_one_file_and_no_start(tmp_path):
    file = tmp_path / "checkpoint.pth"
    file.touch()
    assert checkpoint_files(file, tmp_path / "own") == [str(file)]
    message = (
        rf"midway\.training\.start: found no file {re.escape(str(file))}/model\.safetensors.*; expected a folder with"
    )
    with pytest.raises(LamoError, match=message):
        start_files(file, tmp_path / "own")


def test_what_the_run_itself_writes_is_refused(saved):
    for key, files in (("checkpoint", checkpoint_files), (r"training\.start", start_files)):
        with pytest.raises(LamoError, match=rf"midway\.{key}: .* is what this run itself writes"):
            files(saved, saved)
