"""What stands at a path is always a whole old or a whole new file or directory."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamo.errors import LamoError
from lamo.stores.atomic import read_json, replacing, write_json


def write(path, text: str, kind: str) -> None:
    if kind == "file":
        path.write_text(text)
    else:
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "part").write_text(text)


def read(path) -> dict[str, str]:
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return {str(p.relative_to(path)): p.read_text() for p in files}


def wanted(text: str, kind: str) -> dict[str, str]:
    return {"." if kind == "file" else "deep/part": text}


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_success_replaces_the_old_content_and_leaves_nothing_beside_it(tmp_path, kind):
    path = tmp_path / "not" / "there" / "result.bin"
    for text in ("old", "new"):
        with replacing(path) as temporary:
            assert temporary.parent == path.parent
            assert temporary.suffix == path.suffix
            write(temporary, text, kind)
        assert read(path) == wanted(text, kind)
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "directory"])
@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_an_exception_keeps_the_old_content(tmp_path, kind, stop):
    path = tmp_path / "result.zarr"
    write(path, "old", kind)

    def interrupted():
        with replacing(path) as temporary:
            write(temporary, "half", kind)
            raise stop

    with pytest.raises(stop):
        interrupted()
    assert read(path) == wanted("old", kind)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_a_killed_process_left_is_neither_taken_nor_mixed_in(tmp_path, kind):
    path = tmp_path / "result.zarr"
    script = (
        "import os, sys; from pathlib import Path; from lamo.stores.atomic import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    if sys.argv[2] == 'directory':\n"
        "        temporary.mkdir(); temporary = temporary / 'leftover'\n"
        "    temporary.write_text('half'); os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path), kind], check=False).returncode == 9
    assert not path.exists()
    assert len(list(tmp_path.iterdir())) == 1
    with replacing(path) as temporary:
        write(temporary, "whole", kind)
    assert read(path) == wanted("whole", kind)
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_directory_does_not_keep_files_of_the_old_one(tmp_path):
    path = tmp_path / "store"
    path.mkdir()
    (path / "stale").write_text("old")
    with replacing(path) as temporary:
        write(temporary, "new", "directory")
    assert read(path) == wanted("new", "directory")


def test_writing_nothing_is_an_error(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(LamoError, match="nothing was written"), replacing(path):
        pass
    assert path.read_text() == "old"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25)  # each example waits for the disk
@given(value=JSON)
def test_json_comes_back_as_written(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_json_is_written_alike_whatever_the_order_of_the_keys(tmp_path):
    write_json(tmp_path / "a", {"x": 1, "y": {"b": 2, "a": 3}})
    write_json(tmp_path / "b", {"y": {"a": 3, "b": 2}, "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_unserialisable_value_keeps_the_old_json(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, [1])
    with pytest.raises(TypeError):
        write_json(path, {"set": {1}})
    assert read_json(path) == [1]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "not found"), (b'{"a": 1', "not valid JSON"), (b"", "not valid JSON"), (b"\xff\xfe\x00", "not valid JSON")],
)
def test_json_that_is_missing_or_damaged_is_named(tmp_path, content, message):
    path = tmp_path / "facts.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LamoError, match=rf"facts\.json: {message}"):
        read_json(path)


def test_a_writer_that_outlived_its_run_cannot_publish_anothers_half(tmp_path):
    path = tmp_path / "result.json"
    script = (
        "import sys; from lamo.stores.atomic import replacing\n"
        "with replacing(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('whole of the orphan'); print('ready', flush=True); sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as orphan:
        assert orphan.stdout.readline() == "ready\n"
        with replacing(path) as temporary:
            temporary.write_text("half")
            orphan.communicate("\n")
            assert orphan.returncode == 0
            assert path.read_text() == "whole of the orphan"
            temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_others_may_read_what_the_umask_lets_them_read(tmp_path, umask, expected):
    code = (
        f"import os; os.umask({umask})\n"
        "import torch; from safetensors.torch import save_file; from lamo.stores.atomic import replacing\n"
        f"with replacing({str(tmp_path / 'model.safetensors')!r}) as file: save_file({{'a': torch.ones(1)}}, file)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == expected
