"""What the tools below cannot do is put right or told in one line."""

import errno
import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from lamo.errors import LamoError
from lamo.jobs import limits
from lamo.jobs.limits import check_inputs, check_names, check_python, check_writable, quote_python

NAMES = ["demo", "flow-20"]


@pytest.fixture
def python(tmp_path, monkeypatch):
    """A Python whose path has signs of the shell in it."""
    place = tmp_path / "my drive's (new)" / "python"
    place.parent.mkdir()
    place.write_text("#!/bin/sh\necho $@\n")
    place.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(place))
    return place


def test_a_shell_can_start_the_quoted_python(python):
    for _ in range(2):  # more than one workflow in one process
        quote_python()
        done = subprocess.run(f"{sys.executable} it runs", shell=True, text=True, capture_output=True, check=True)
        assert done.stdout == "it runs\n"


def test_an_ordinary_path_stays_as_it_is(monkeypatch):
    before = sys.executable
    monkeypatch.setattr(sys, "executable", before)
    quote_python()
    assert sys.executable == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a{b}", "found '{' in the path of LaMo, but Snakemake"),
        ("a}", "found '}'"),
        ("c:d", "PYTHONPATH is divided there"),
    ],
)
def test_signs_that_cannot_work_in_the_path_of_lamo(name, said):
    with pytest.raises(LamoError, match="move the folder to another place") as caught:
        check_python(Path("/data") / name / "lamo")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_in_the_path_of_lamo():
    with pytest.raises(LamoError, match="found bytes in the path of LaMo that are no UTF-8") as caught:
        check_python(Path(os.fsdecode(b"/data/\xff/lamo")))
    assert str(caught.value).isascii()


@pytest.mark.parametrize("name", ["my drive", "it's", "$x & (y); #z", "ü 日本", "50%", '"a"', "~", "<results>", "a\\b"])
def test_signs_that_work_in_the_path_of_lamo(name):
    check_python(Path("/data") / name / "lamo")


@pytest.mark.parametrize("encoding", ["ascii", "iso8859-1"])
def test_a_locale_in_which_names_cannot_be_read(monkeypatch, encoding):
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: encoding)
    with pytest.raises(LamoError, match=rf"read as {encoding} .*expected UTF-8; set PYTHONUTF8=1, or LC_ALL"):
        check_python(Path("/data/lamo"))


def test_the_locale_of_the_system_that_has_no_utf8():
    """POSIX's own locale works, since Python then reads names as UTF-8; unless that is switched off."""
    code = "from pathlib import Path; from lamo.jobs.limits import check_python; check_python(Path('/data/lamo'))"
    for locale, more, status in (
        ("C", {}, 0),
        ("POSIX", {}, 0),
        ("C", {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, 1),
    ):
        environment = {**os.environ, "LC_ALL": locale, "PYTHONPATH": str(limits.__file__).rsplit("/", 3)[0], **more}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == status, done.stderr


def test_what_cannot_be_printed_ends_no_run(monkeypatch):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    check_python(Path("/data/lamo"))
    print("0.4 ± 0.1 in ä.mov", file=stream, flush=True)
    assert raw.getvalue() == b"0.4 \\xb1 0.1 in \\xe4.mov\n"


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    check_names(tmp_path / "results" / "demo", NAMES)
    check_writable(tmp_path / "results" / "demo")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system", "a file")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(
        LamoError, match=r": cannot be written \(Read-only file system\), expected .* --directory"
    ) as caught:
        check_writable(tmp_path / "results" / "demo")
    assert str(caught.value).startswith(str(tmp_path))


@pytest.mark.parametrize("limit", [143, 255])
def test_names_that_are_too_long_for_the_file_system(tmp_path, monkeypatch, limit):
    """Some file systems take 143 letters, most 255."""
    monkeypatch.setattr(os, "pathconf", lambda path, name: {"PC_NAME_MAX": limit, "PC_PATH_MAX": 4096}[name])
    monkeypatch.setattr(limits.platform, "node", lambda: "a-node-of-a-cluster")
    check_names(tmp_path, ["x" * 40, "y"])
    with pytest.raises(LamoError, match=f"found a name of {limit} letters, expected at most") as caught:
        check_names(tmp_path, ["x" * limit, "y"])
    most = int(str(caught.value).partition("at most ")[2].split()[0])
    check_names(tmp_path, ["x" * most])
    with pytest.raises(LamoError):
        check_names(tmp_path, ["x" * (most + 1)])


def test_a_path_that_is_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(
        os, "pathconf", lambda path, name: {"PC_NAME_MAX": 255, "PC_PATH_MAX": len(str(tmp_path)) + 100}[name]
    )
    with pytest.raises(LamoError, match="too long for the files below it; start in a folder with a shorter path"):
        check_names(tmp_path, NAMES)


def test_the_longest_run_name_that_the_file_system_cannot_hold(tmp_path):
    with pytest.raises(LamoError, match="give the run, predictor or sampler a shorter one"):
        check_names(tmp_path / "results" / ("x" * 300), ["x" * 300])


def test_a_low_limit_of_open_files_is_raised(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        check_names(tmp_path, NAMES)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1024
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("path", ["/a{b}/c", "/a}", "x<results>/c", ">"])
def test_signs_that_cannot_work_in_the_paths_of_inputs(path):
    with pytest.raises(LamoError, match=r"^midway\.checkpoint: found '.' in the path .* make a link that leads to it"):
        check_inputs({"metrics.fid.weights": None, "midway.checkpoint": path})
    check_inputs({"midway.checkpoint": "/my drive/it's #1 (50%)/ü"})
