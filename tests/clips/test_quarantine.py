"""Training does not start on what the table of clips refuses."""

import pytest

from lamo.clips.quarantine import refuse_quarantined
from lamo.clips.schema import write_clips
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
    refuse_quarantined(parts, 0.2)
    message = (
        r"1 of 5 clips quarantined, frames\.max_quarantined_share allows 0\.19, first: train0\.mov \(no video stream\)"
    )
    with pytest.raises(LamoError, match=message):
        refuse_quarantined(parts, 0.19)


@pytest.mark.parametrize("statuses", [[], ["quarantined"]])
def test_a_split_without_a_usable_clip_is_refused_at_any_limit(tmp_path, statuses):
    parts = [part(tmp_path / "a", "train", ["ok"]), part(tmp_path / "b", "val", statuses)]
    with pytest.raises(LamoError, match=f"split val: none of its {len(statuses)} clips is usable"):
        refuse_quarantined(parts, 1.0)
