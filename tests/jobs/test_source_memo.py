"""The memo of sources: what was read once is not read again, and nothing else is taken for it."""

import json
from pathlib import Path

import pytest

from lamo.jobs import code_hash
from lamo.jobs.code_hash import ROOT
from lamo.jobs.python_source import Source
from lamo.jobs.source_memo import SourceMemo

FOUND = Source("digest", ((1, "near", ("a", "b")), (0, "json", ())))


@pytest.fixture
def place(tmp_path):
    (tmp_path / "kept").mkdir()
    return tmp_path


def memo(place, made_by: str = "1") -> SourceMemo:
    return SourceMemo(place / "kept" / "memo.json", made_by)


def filled(place) -> SourceMemo:
    made = memo(place)
    assert made.get("code", lambda _: FOUND) == FOUND
    made.save()
    return made


def never(code: str) -> Source:
    raise AssertionError(f"{code!r} was read again")


def test_what_was_read_by_another_process_is_not_read_again(place):
    filled(place)
    assert memo(place).get("code", never) == FOUND


def test_other_content_is_read(place):
    other = Source("other", ())
    assert filled(place).get("code ", lambda _: other) == other


def test_what_another_version_made_is_dropped(place):
    filled(place)
    with pytest.raises(AssertionError, match="read again"):
        memo(place, made_by="2").get("code", never)


def test_nothing_is_written_where_no_run_is(place):
    (place / "kept").rmdir()
    filled(place)
    assert not (place / "kept").exists()


@pytest.mark.parametrize("damage", [lambda text: text[:-9], lambda text: json.dumps(json.loads(text) | {"sources": 1})])
def test_a_damaged_file_is_warned_of_and_replaced(place, damage, caplog):
    filled(place)
    file = place / "kept" / "memo.json"
    whole = file.read_text()
    file.write_text(damage(whole))
    filled(place)
    assert "memo.json: found no memo of sources" in caplog.text
    assert file.read_text() == whole


def test_hashes_of_all_scripts_are_the_same_without_a_memo_with_a_new_one_and_with_one_of_before(tmp_path, monkeypatch):
    def all_modules(memo: Path) -> list[dict[str, str]]:
        monkeypatch.setattr(code_hash, "MEMO", memo)
        for function in (code_hash._memo, code_hash._code_modules, code_hash._read):
            function.cache_clear()
        return [code_hash.code_modules(script) for script in sorted((ROOT / "workflow" / "scripts").glob("*.py"))]

    memo = tmp_path / "memo.json"
    without = all_modules(tmp_path / "nowhere" / "memo.json")
    assert all_modules(memo) == without
    monkeypatch.setattr(code_hash, "read_source", never)
    assert all_modules(memo) == without
