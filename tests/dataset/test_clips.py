"""The table of clips accounts for every file, says what was wrong with how many, and when too many are unusable."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_companions import write_info

from lamo.dataset.bdd100k.info import info_table
from lamo.dataset.bdd100k.stills_table import STILLS_SCHEMA
from lamo.dataset.companions import INFO_ENDINGS, match
from lamo.dataset.schema import write_clips
from lamo.dataset.summary import clips_summary, companion_facts, reasons
from lamo.dataset.table import CLIPS_SCHEMA, join_clips, write_clips_table
from lamo.dataset.tables import write_table
from lamo.errors import LamoError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "clips.md"


def _row(name: str, split: str, status: str = "ok", reason: str = "no video stream") -> dict:
    known = {"id": name, "split": split, "path": f"v/{split}/{name}.mp4", "bytes": 5, "duration_s": 36.0}
    outcome = {"frames": 0 if status == "quarantined" else 180, "status": status, "shard": 0}
    return known | outcome | {"reason": "" if status == "ok" else reason}


def _parts(folder, *parts: list[dict]):
    paths = [folder / f"{index}.parquet" for index in range(len(parts))]
    for path, rows in zip(paths, parts, strict=True):
        write_clips(path, rows)
    return paths, pd.DataFrame([row for rows in parts for row in rows])


def _collect(parts, found, path, limit, info=None):
    write_clips_table(path, join_clips(parts, info), "in words", found, limit)
    return pd.read_parquet(path)


def test_joined_sorted_typed_and_described(tmp_path):
    parts, found = _parts(tmp_path, [_row("b", "train"), _row("a", "train")], [], [_row("c", "val")])
    table = _collect(parts, found, tmp_path / "clips.parquet", 0.0)
    assert list(table["id"]) == ["a", "b", "c"]
    assert pq.read_schema(tmp_path / "clips.parquet").equals(CLIPS_SCHEMA, check_metadata=False)
    stored = pq.read_schema(tmp_path / "clips.parquet")
    assert all(stored.field(name).metadata[b"description"] for name in stored.names)
    assert table["info_status"].isna().all()
    assert (tmp_path / "clips.md").read_text() == "in words"
    assert not list(tmp_path.glob("refused*")) + list(tmp_path.glob("quarantined*"))


def test_info_is_joined_by_clip_and_loses_none(tmp_path):
    write_info(tmp_path / "info/train/a.json")
    (tmp_path / "info/val").mkdir()
    (tmp_path / "info/val/a.json").write_text("{")
    # Two clips of one name in two splits, and one without an info file.
    parts, found = _parts(tmp_path, [_row("a", "train"), _row("b", "train")], [_row("a", "val")])
    companions = match(found["path"], tmp_path / "info", INFO_ENDINGS)
    write_table(tmp_path / "info.parquet", info_table(found, companions, 1))
    table = _collect(parts, found, tmp_path / "clips.parquet", 0.0, tmp_path / "info.parquet")
    assert list(table["info_status"]) == ["joined", "missing", "unreadable"]
    assert list(table["speed_mean_mps"].notna()) == [True, False, False]
    assert pq.read_schema(tmp_path / "clips.parquet").field("ride_id").metadata[b"description"]


def test_few_unusable_clips_are_listed_and_many_stop_the_work_with_the_table_written(tmp_path):
    rows = [_row(str(index), "train") for index in range(9)] + [_row("x", "train", "quarantined")]
    parts, found = _parts(tmp_path, rows, [_row("v", "val")])
    path = tmp_path / "clips.parquet"
    assert len(_collect(parts, found, path, 0.1)) == 11
    assert list(pd.read_csv(tmp_path / "quarantined.csv")["id"]) == ["x"]
    path.unlink()
    with pytest.raises(
        LamoError, match=r"1 of 11 .*max_quarantined_share.*x\.mp4 \(no video stream\).*quarantined\.csv.*refused_clips"
    ):
        _collect(parts, found, path, 0.05)
    # What lies at the path itself, a workflow removes when the job fails.
    assert not path.exists()
    assert len(pd.read_parquet(tmp_path / "refused_clips.parquet")) == 11
    assert (tmp_path / "refused_clips.md").read_text() == "in words"
    assert list(pd.read_csv(tmp_path / "quarantined.csv")["id"]) == ["x"]
    _collect(parts, found, path, 0.1)
    assert not list(tmp_path.glob("refused*"))


def test_the_limit_itself_is_allowed(tmp_path):
    parts, found = _parts(tmp_path, [_row("a", "train"), _row("b", "train", "quarantined")], [_row("v", "val")] * 2)
    assert len(_collect(parts, found, tmp_path / "clips.parquet", 0.25)) == 4


def test_a_split_without_usable_clips_stops_the_work(tmp_path):
    parts, found = _parts(tmp_path, [_row("a", "train"), _row("v", "val", "quarantined")])
    with pytest.raises(LamoError, match="split val: none of its 1 clips"):
        _collect(parts, found, tmp_path / "clips.parquet", 1.0)


def test_a_clip_that_is_not_accounted_for_stops_the_work(tmp_path):
    parts, found = _parts(tmp_path, [_row("a", "train")], [_row("v", "val")])
    with pytest.raises(LamoError, match=r"2 clips found but 1 accounted for.*'v'"):
        _collect(parts[:1], found, tmp_path / "clips.parquet", 1.0)


def test_reasons_are_counted_by_kind_most_frequent_first():
    texts = pd.Series(
        ["2 of 9 frames; cut off at 3.5 s", "no {video}", "17 of 9 frames; 1 of 9 frames"], index=[4, 5, 6]
    )
    assert reasons(texts) == [("N of 9 frames", [4, 6]), ("cut off at 3.5 s", [4]), ("no (video)", [5])]


def test_summary_says_how_many_how_long_and_why(tmp_path):
    for name in ("train/a", "train/b", "test/z", "test/y"):
        write_info(tmp_path / f"info/{name}.json", **({"timelapse": True, "gyro": []} if name == "train/b" else {}))
    rows = [
        _row("a", "train"),
        _row("b", "train", "repaired", "3 damaged frames"),
        _row("c", "train", "repaired", "x|y"),
    ]
    rows += [_row("d", "train", "repaired", "14 damaged frames"), _row("q", "val", "quarantined"), _row("v", "val")]
    parts, found = _parts(tmp_path, rows)
    companions = match(found["path"], tmp_path / "info", INFO_ENDINGS)
    write_table(tmp_path / "info.parquet", info_table(found, companions, 1))
    clips = join_clips(parts, tmp_path / "info.parquet").to_pandas()
    facts = companion_facts(str(tmp_path / "info"), found, companions)
    text = clips_summary(clips, 5.0, facts, {**facts, "extra": {"a": 1, "b": 20}, "folder": "images"})
    assert "| train | 4 | 1 | 3 | 0 | 0.04 | 720 | 0.04 |" in text
    assert "| all | 6 | 2 | 3 | 1 | 0.06 | 900 | 0.05 |" in text
    assert "| 2 | N damaged frames | `b`, `d` |\n| 1 | x/y | `c` |" in text
    assert "| 1 | no video stream | `q` |" in text
    assert "clips: 2 joined, 4 missing, 0 unreadable" in text
    assert "2 of 6 have a file, 4 have none, as `c`, `d`, `q`" in text
    assert "files without a video: 2 (2 in `test`)" in text
    assert "1 clip: no gyroscope, as in `b`" in text
    assert "1 clip marked as time-lapse" in text
    assert "2 clips whose video is more than 2 s off" in text
    assert "## Stills in `images`" in text
    assert "files without a video: 21 (20 in `b`, 1 in `a`)" in text


def test_summary_without_companions_has_no_word_of_them(tmp_path):
    parts, _ = _parts(tmp_path, [_row("a", "train"), _row("v", "val")])
    text = clips_summary(join_clips(parts).to_pandas(), 5.0)
    assert "Info" not in text
    assert "Quarantined" not in text


def test_parts_of_a_video_count_once_in_hours_of_video(tmp_path):
    rows = [_row("a@train", "train") | {"path": "a.mp4"}, _row("a@val", "val") | {"path": "a.mp4"}]
    parts, _ = _parts(tmp_path, rows)
    assert "| all | 2 | 2 | 0 | 0 | 0.01 | 360 | 0.02 |" in clips_summary(join_clips(parts).to_pandas(), 5.0)


@pytest.mark.parametrize("schema", [CLIPS_SCHEMA, STILLS_SCHEMA], ids=["clips", "stills"])
def test_every_column_stands_in_the_documentation_as_in_the_schema(schema):
    table = "\n".join(
        f"| `{field.name}` | {field.type} | {field.metadata[b'description'].decode()} |" for field in schema
    )
    assert table in DOCS.read_text(encoding="utf-8"), f"docs/clips.md has to hold this table:\n{table}"


def test_several_folders_are_counted_each(tmp_path):
    rows = [_row("one/a", "train"), _row("one/v", "val"), _row("two/b", "train"), _row("two/v", "val", "quarantined")]
    parts, _ = _parts(tmp_path, rows)
    text = clips_summary(join_clips(parts).to_pandas(), 5.0, folders=["one", "two"])
    assert "| folder: split | clips |" in text
    for line in ("one: train | 1 | 1 |", "one: val | 1 | 1 |", "two: train | 1 | 1 |", "two: val | 1 | 0 |"):
        assert f"| {line}" in text
    assert "| all | 4 | 3 |" in text
