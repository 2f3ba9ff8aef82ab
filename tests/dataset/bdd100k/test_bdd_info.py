"""Info files are read for what they tell, and no content of one stops anything."""

import json
import os

import pandas as pd
import pytest
from made_companions import START_MS, info, write_info

from lamo.dataset.bdd100k.info import INFO_SCHEMA, info_table, read_info
from lamo.dataset.companions import INFO_ENDINGS, match


def _read(tmp_path, **changes):
    return read_info(write_info(tmp_path / "a.json", **changes))


def test_everything_that_a_file_tells(tmp_path):
    row = _read(tmp_path)
    assert list(row) == INFO_SCHEMA.names
    assert (row["info_status"], row["info_reason"]) == ("joined", "")
    assert row["start_time_ms"] == START_MS
    assert row["info_duration_s"] == pytest.approx(39 + 1)
    assert (row["gps_points"], row["latitude"], row["longitude"]) == (41, 40.67684, -73.8353)
    assert (row["speed_mean_mps"], row["speed_max_mps"]) == (10.0, 10.0)  # -1 is unknown
    assert (row["gyro_points"], row["gyro_mean_radps"]) == (41, pytest.approx(0.5))
    assert row["timelapse"] is False


def test_absent_keys_are_named(tmp_path):
    row = _read(tmp_path, startTime=..., locations=..., gps=..., gyro=..., rideID=..., timelapse=...)
    assert row["info_status"] == "joined"
    assert row["info_reason"] == "no start time; no GPS fix; no speed; no gyroscope"
    assert (row["ride_id"], row["timelapse"], row["gps_points"], row["gyro_points"]) == (None, None, 0, 0)


def test_gps_stands_in_for_locations(tmp_path):
    row = _read(tmp_path, locations=[])
    assert (row["gps_points"], row["latitude"], row["speed_mean_mps"]) == (41, 40.6, 9.0)


def test_first_fix_is_the_earliest_and_no_fix_is_none(tmp_path):
    points = [
        {"timestamp": START_MS + 2, "latitude": 2, "longitude": 2, "speed": 1},
        {"timestamp": START_MS + 1, "latitude": 1, "longitude": 1, "speed": "3"},
        {"timestamp": START_MS, "latitude": 0, "longitude": 0, "speed": float("nan")},
        {"timestamp": START_MS, "latitude": 95, "longitude": 1, "speed": float("inf")},
        {"latitude": 3, "longitude": 3, "speed": -7},
        {"timestamp": START_MS, "latitude": True, "longitude": 1, "speed": 5000},
        *("text", None, 5, []),
    ]
    row = _read(tmp_path, locations=points)
    assert (row["gps_points"], row["latitude"]) == (3, 1.0)
    assert (row["speed_mean_mps"], row["speed_max_mps"]) == (2.0, 3.0)


ODD_VALUES = [None, True, -1, "text", [], {}, 10**400, 1e308, float("nan"), [[]], {"x": 1}, "\ud800", [{"x": "1e308"}]]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:12])
def test_wrong_types_give_a_row_that_the_table_takes(tmp_path, value):
    path = tmp_path / "info/train/a.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(dict.fromkeys(info(), value)))
    found = pd.DataFrame([{"id": "a", "split": "train", "path": "v/train/a.mov"}])
    row = info_table(found, match(found["path"], tmp_path / "info", INFO_ENDINGS), 1).to_pylist()[0]
    assert row["info_status"] == "joined"
    assert "no GPS fix" in row["info_reason"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"  \n", "empty file"),
        (b'{"rideID": ', "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"[1, 2]", "a JSON list"),
        (b"null", "a JSON NoneType"),
        (b'{"startTime": ' + b"9" * 5000 + b"}", "not JSON"),
        (b" " * (16 * 2**20 + 1), "too large"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_damaged_files_are_unreadable_with_the_reason(tmp_path, content, reason):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    row = read_info(path)
    assert row["info_status"] == "unreadable"
    assert reason in row["info_reason"]


def test_what_is_no_file_is_unreadable_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "broken.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.json").mkdir()
    for name in ("pipe", "broken", "folder", "absent"):
        assert read_info(tmp_path / f"{name}.json")["info_status"] == "unreadable"


def test_utf8_with_a_mark_and_utf16_are_read(tmp_path):
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "a.json").write_bytes(json.dumps(info()).encode(encoding))
        assert read_info(tmp_path / "a.json")["info_status"] == "joined"


def test_parts_of_a_video_share_its_row_and_videos_without_a_file_are_missing(tmp_path):
    write_info(tmp_path / "a.json")
    found = pd.DataFrame(
        [
            {"id": "a@train", "split": "train", "path": "v/a.mov"},
            {"id": "a@val", "split": "val", "path": "v/a.mov"},
            {"id": "b@val", "split": "val", "path": "v/b.mov"},
        ]
    )
    rows = info_table(found, match(found["path"], tmp_path, INFO_ENDINGS), 1).to_pylist()
    assert [row["info_status"] for row in rows] == ["joined", "joined", "missing"]
    assert rows[0]["speed_mean_mps"] == rows[1]["speed_mean_mps"] == 10.0
    assert rows[2]["latitude"] is None


def test_several_processes_give_the_same_table(tmp_path):
    names = [f"{index:03}" for index in range(120)]
    for name in names:
        write_info(tmp_path / f"{name}.json", rideID=name, gps=[], gyro=[], locations=[])
    found = pd.DataFrame([{"id": name, "split": "train", "path": f"v/{name}.mov"} for name in names])
    tables = [info_table(found, match(found["path"], tmp_path, INFO_ENDINGS), workers) for workers in (1, 2)]
    assert tables[0].equals(tables[1])
    assert tables[0]["ride_id"].to_pylist() == names
