"""A shard of videos becomes a store and a row for each of them; what the disk did is not said of the videos."""

import os

import numpy as np
import pandas as pd
import pytest
from made_videos import encode, shown

from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos
from lamo.dataset.fingerprints import check_unchanged, fingerprint, fingerprints
from lamo.dataset.walk import VideoFile
from lamo.errors import LamoError
from lamo.stores.frames import FramesStore
from lamo.video.config import FramesConfig
from lamo.video.shards import decode_shard

CONFIG = FramesConfig(min_frames=3)


def _found(paths) -> pd.DataFrame:
    part = {"start_share": 0.0, "end_share": 1.0, "lead_s": 0.0}
    rows = [
        {"id": p.stem, "split": "train", "path": str(p), "bytes": p.stat().st_size, "shard": 0, **part}
        | {"fingerprint": fingerprint(VideoFile(p.name, str(p), 0, (0, 0)))}
        for p in paths
    ]
    return pd.DataFrame(rows, columns=["id", "split", "path", "bytes", "shard", *part, "fingerprint"])


def test_a_shard_stores_what_is_usable_and_accounts_for_the_rest(tmp_path):
    good = [encode(tmp_path / f"{name}.mp4", np.arange(30 + 6 * n) / 30) for n, name in enumerate(("b ü", "a"))]
    bad = tmp_path / "broken.mp4"
    bad.write_bytes(b"nothing")
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    rows = decode_shard(_found([*good, bad]), CONFIG, store, manifest, check_unchanged)
    assert [(row["id"], row["status"], row["frames"]) for row in rows] == [
        ("a", "ok", 6),
        ("b ü", "ok", 5),
        ("broken", "quarantined", 0),
    ]
    frames = FramesStore(store, manifest)
    assert frames.clip_ids == ["a", "b ü"]
    assert shown(frames.clip(0)) == [0, 6, 12, 18, 24, 30]
    empty = decode_shard(_found([]), CONFIG, tmp_path / "1.zarr", tmp_path / "1.manifest.json", check_unchanged)
    assert empty == []
    assert len(FramesStore(tmp_path / "1.zarr", tmp_path / "1.manifest.json")) == 0


def _decode(found: pd.DataFrame, folder) -> list[dict]:
    return decode_shard(found, CONFIG, folder / "0.zarr", folder / "0.manifest.json", check_unchanged)


def test_videos_that_vanish_between_listing_and_decoding_are_not_written_off(tmp_path):
    """As when the disk is unmounted; a clip cut short by it, which would be repaired, neither."""
    (tmp_path / "videos").mkdir()
    noise = list(np.random.default_rng(0).integers(0, 255, (90, 64, 128, 3), dtype=np.uint8))
    how = {"frames": noise, "container_options": {"movflags": "+faststart"}}
    good = [encode(tmp_path / "videos" / f"{name}.mp4", np.arange(90) / 30, **how) for name in "ab"]
    found = _found(good)
    assert [row["status"] for row in _decode(found, tmp_path)] == ["ok", "ok"]
    content = good[1].read_bytes()
    good[1].write_bytes(content[: len(content) * 6 // 10])
    assert _decode(_found(good), tmp_path)[1]["status"] == "repaired"
    (tmp_path / "after").mkdir()
    with pytest.raises(LamoError, match=r"b\.mp4: its content is another; .* since it was listed; run again"):
        _decode(found, tmp_path / "after")
    (tmp_path / "videos").rename(tmp_path / "unmounted")
    with pytest.raises(LamoError, match=r"a\.mp4: cannot be read \(No such file.* since it was listed; run again"):
        _decode(found, tmp_path / "after")
    assert list((tmp_path / "after").iterdir()) == []


def test_what_the_list_says_cannot_be_read_and_names_that_are_not_utf8_stay_quarantined(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
    encode(tmp_path / "train" / "a.mp4", np.arange(30) / 30).rename(tmp_path / "train" / os.fsdecode(b"\xff.mp4"))
    (tmp_path / "train" / "broken.mp4").symlink_to("nowhere")
    os.mkfifo(tmp_path / "train" / "pipe.mp4")
    (tmp_path / "train" / "empty.mp4").touch()
    (tmp_path / "val" / "b.mp4").touch()
    found = find_videos(VideosConfig(), tmp_path, {"train": 1, "val": 1}, fingerprints)
    rows = _decode(found[found["split"] == "train"], tmp_path)
    assert [row["status"] for row in rows] == ["quarantined"] * 4
