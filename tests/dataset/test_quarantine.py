"""Training does not start on what the table of clips refuses."""

import os

import pandas as pd
import pyarrow.parquet as pq
import pytest

from lamo.dataset.quarantine import refuse_quarantined
from lamo.dataset.schema import DECODED_SCHEMA, write_clips
from lamo.errors import LamoError


def part(path, split, statuses):
    rows = [
        {"id": f"{split}{i}", "split": split, "path": f"{split}{i}.mov", "status": status, "reason": "no video stream"}
        for i, status in enumerate(statuses)
    ]
    write_clips(path, rows)
    return path


def test_as_many_as_the_limit_allows_pass_and_one_more_does_not(tmp_path):
    parts = [
        part(tmp_path / "a", "train", ["ok", "repaired", "ok"]),
        part(tmp_path / "b", "train", ["quarantined"]),
        part(tmp_path / "c", "val", ["ok"]),
    ]
    refuse_quarantined(parts, 0.2, tmp_path / "stage")
    assert not (tmp_path / "stage").exists()
    message = (
        r"1 of 5 clips quarantined, frames\.max_quarantined_share allows 0\.19, first: train0\.mov \(no video stream\)"
    )
    with pytest.raises(LamoError, match=message):
        refuse_quarantined(parts, 0.19, tmp_path)


@pytest.mark.parametrize("statuses", [[], ["quarantined"]])
def test_a_split_without_a_usable_clip_is_refused_at_any_limit(tmp_path, statuses):
    parts = [part(tmp_path / "a", "train", ["ok"]), part(tmp_path / "b", "val", statuses)]
    with pytest.raises(LamoError, match=f"split val: none of its {len(statuses)} clips is usable"):
        refuse_quarantined(parts, 1.0, tmp_path)


def test_what_is_refused_is_left_to_look_at(tmp_path):
    parts = [
        part(tmp_path / "b", "val", ["ok", "quarantined"]),
        part(tmp_path / "a", "train", ["quarantined", "ok"]),
    ]
    with pytest.raises(LamoError, match=r"2 of 4 .* reasons are in .*/quarantined\.csv, all .* in .*/refused_clips\.p"):
        refuse_quarantined(parts, 0.4, tmp_path / "stage")
    listed = pd.read_csv(tmp_path / "stage" / "quarantined.csv")
    assert list(listed["id"]) == ["train0", "val1"]
    assert set(listed["reason"]) == {"no video stream"}
    refused = pq.read_table(tmp_path / "stage" / "refused_clips.parquet")
    assert refused.schema.equals(DECODED_SCHEMA)
    assert refused["id"].to_pylist() == ["train0", "train1", "val0", "val1"]


@pytest.mark.parametrize(("age_s", "stays"), [(10, False), (-10, True)], ids=["of an earlier run", "of this run"])
def test_words_about_other_clips_do_not_stay_beside_the_table(tmp_path, age_s, stays):
    parts = [part(tmp_path / "a", "train", ["quarantined"]), part(tmp_path / "b", "val", ["ok"])]
    words, written = tmp_path / "refused_clips.md", parts[1].stat().st_mtime
    words.write_text("in words")
    os.utime(words, (written - age_s, written - age_s))
    with pytest.raises(LamoError):
        refuse_quarantined(parts, 0.0, tmp_path)
    assert words.exists() == stays
