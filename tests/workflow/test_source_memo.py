"""The memo of sources: what was read once is not read again, and nothing else is taken for it."""

import json

import pytest

from lamo.errors import LamoError
from lamo.workflow.source_memo import Source, SourceMemo

FOUND = Source("digest", ((1, "near", ("a", "b")), (0, "json", ())))


@pytest.fixture
def place(tmp_path):
    (tmp_path / "maker.py").write_text("1")
    (tmp_path / "kept").mkdir()
    return tmp_path


def memo(place) -> SourceMemo:
    return SourceMemo(place / "kept" / "memo.json", place / "maker.py")


def filled(place) -> SourceMemo:
    made = memo(place)
    assert made.get(b"code", lambda _: FOUND) == FOUND
    made.save()
    return made


def never(code: bytes) -> Source:
    raise AssertionError(f"{code!r} was read again")


def test_what_was_read_by_another_process_is_not_read_again(place):
    filled(place)
    assert memo(place).get(b"code", never) == FOUND


def test_other_content_is_read(place):
    other = Source("other", ())
    assert filled(place).get(b"code ", lambda _: other) == other


def test_what_another_version_made_is_dropped(place):
    filled(place)
    (place / "maker.py").write_text("2")
    with pytest.raises(AssertionError, match="read again"):
        memo(place).get(b"code", never)


def test_nothing_is_written_where_no_run_is(place):
    (place / "kept").rmdir()
    filled(place)
    assert not (place / "kept").exists()


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-9], lambda text: json.dumps({**json.loads(text), "sources": 1})]
)
def test_a_damaged_file_is_named_with_what_to_do(place, damage):
    filled(place)
    file = place / "kept" / "memo.json"
    file.write_text(damage(file.read_text()))
    with pytest.raises(LamoError, match=r"memo\.json: .*delete"):
        memo(place)
