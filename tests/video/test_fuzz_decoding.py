"""2,000 damaged videos: each is accounted for, and none takes the parent down. Longer runs: `mutations.py`."""

from collections import Counter

from mutations import decode_mutations


def test_damaged_videos_are_all_accounted_for(tmp_path):
    rows, store = decode_mutations(tmp_path, 2000, seed=0)
    assert len({row["id"] for row in rows}) == len(rows) == 2000
    for row in rows:
        assert row["status"] in ("ok", "repaired", "quarantined")
        assert (row["reason"] == "") == (row["status"] == "ok")
        assert (row["frames"] == 0) == (row["status"] == "quarantined")
    assert len(store.times) == sum(row["frames"] for row in rows)
    assert store.clip_ids == [row["id"] for row in rows if row["frames"]]
    # The damage is real, and so is what survives it.
    counts = Counter(row["status"] for row in rows)
    assert min(counts["ok"], counts["repaired"], counts["quarantined"]) >= 100
    whole = [row for row in rows if int(row["id"][:6]) % 50 == 0]
    assert {row["status"] for row in whole if ".shown." not in row["id"]} == {"ok"}
    assert {row["status"] for row in whole if ".shown." in row["id"]} == {"repaired"}
