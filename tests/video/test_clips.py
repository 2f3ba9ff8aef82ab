"""The table of clips accounts for every file, and says when too many are unusable."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from lamo.errors import LamoError
from lamo.video.clips import CLIPS_SCHEMA, collect_clips, write_clips


def _row(name: str, split: str, status: str = "ok") -> dict:
    known = {"id": name, "split": split, "path": f"{name}.mp4", "bytes": 5, "frames": 9 if status == "ok" else 0}
    return known | {"status": status, "reason": "" if status == "ok" else "no video stream", "shard": 0}


def _parts(folder, *parts: list[dict]):
    paths = [folder / f"{index}.parquet" for index in range(len(parts))]
    for path, rows in zip(paths, parts, strict=True):
        write_clips(path, rows)
    return paths, pd.DataFrame([row for rows in parts for row in rows])


def test_joined_sorted_typed_and_described(tmp_path):
    parts, found = _parts(tmp_path, [_row("b", "train"), _row("a", "train")], [], [_row("c", "val")])
    table = collect_clips(parts, found, tmp_path / "clips.parquet", 0.0)
    assert list(table["id"]) == ["a", "b", "c"]
    stored = pq.read_schema(tmp_path / "clips.parquet")
    assert stored.names == CLIPS_SCHEMA.names
    assert all(stored.field(name).metadata[b"description"] for name in stored.names)
    assert not (tmp_path / "quarantined.csv").exists()


def test_few_unusable_clips_are_listed_and_many_stop_the_work(tmp_path):
    rows = [_row(str(index), "train") for index in range(9)] + [_row("x", "train", "quarantined")]
    parts, found = _parts(tmp_path, rows, [_row("v", "val")])
    path = tmp_path / "clips.parquet"
    assert len(collect_clips(parts, found, path, 0.1)) == 11
    assert list(pd.read_csv(tmp_path / "quarantined.csv")["id"]) == ["x"]
    path.unlink()
    with pytest.raises(
        LamoError, match=r"1 of 11 .*max_quarantined_share.*x\.mp4 \(no video stream\).*quarantined\.csv"
    ):
        collect_clips(parts, found, path, 0.05)
    assert len(pd.read_parquet(path)) == 11


def test_a_split_without_usable_clips_stops_the_work(tmp_path):
    parts, found = _parts(tmp_path, [_row("a", "train"), _row("v", "val", "quarantined")])
    with pytest.raises(LamoError, match="split val: none of its 1 clips"):
        collect_clips(parts, found, tmp_path / "clips.parquet", 1.0)


def test_a_clip_that_is_not_accounted_for_stops_the_work(tmp_path):
    parts, found = _parts(tmp_path, [_row("a", "train")], [_row("v", "val")])
    with pytest.raises(LamoError, match=r"2 clips found but 1 accounted for.*\['v'\]"):
        collect_clips(parts[:1], found, tmp_path / "clips.parquet", 1.0)
