"""The contact sheet of decoded frames: a fixed, even choice of clips, and their frames unsmoothed."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lamo.dataset.frames_sheet import choose_clips, frames_sheet, stores_by_shard
from lamo.drawing import font, shorten
from lamo.errors import LamoError
from lamo.stores.frames import FramesWriter

SIZE = (32, 64)


def _clip(name: str, split: str, shard: int = 0, status: str = "ok") -> dict:
    known = {
        "id": name,
        "split": split,
        "shard": shard,
        "status": status,
        "reason": "" if status == "ok" else "cut off",
    }
    source = {"codec": "h264", "width": 1280, "height": 720, "pixel_format": "yuv420p", "source_fps": 29.97}
    return known | source | {"duration_s": 40.0, "rotation_deg": 90, "mirrored": True, "frames": 20}


def test_all_clips_are_chosen_where_they_are_few():
    clips = pd.DataFrame(
        [_clip("b", "train"), _clip("a", "val"), _clip("a", "train"), _clip("q", "val", 0, "quarantined")]
    )
    assert list(choose_clips(clips, 3)["id"]) == ["a", "b", "a"]


def test_choice_is_spread_over_splits_and_shards_and_has_repaired_ones():
    rows = [
        _clip(f"{split}{shard}-{index}", split, shard)
        for split in ("train", "val")
        for shard in range(6)
        for index in range(9)
    ]
    rows += [_clip("mended", "train", 3, "repaired")]
    clips = pd.DataFrame(rows)
    chosen = choose_clips(clips, 13)
    assert len(chosen) == 13
    assert "mended" in set(chosen["id"])
    # One of each shard of each split beside it.
    assert len(chosen[chosen["id"] != "mended"].groupby(["split", "shard"])) == 12
    shuffled = choose_clips(clips.sample(frac=1, random_state=0), 13)
    assert list(shuffled["id"]) == list(chosen["id"])


def test_repaired_clips_do_not_fill_the_sheet():
    clips = pd.DataFrame(
        [_clip(f"r{i}", "train", 0, "repaired") for i in range(50)] + [_clip(f"o{i}", "val") for i in range(50)]
    )
    assert choose_clips(clips, 12)["status"].value_counts()["repaired"] <= 8


@pytest.fixture
def store(tmp_path):
    """Stores of both splits, by split and shard."""
    rng = np.random.default_rng(0)
    names = {"train": ["a", "odd\nname ü 道路 " + "x" * 300], "val": ["short"]}
    frames = {
        name: rng.integers(0, 256, (3 if name == "short" else 20, *SIZE, 3), dtype=np.uint8)
        for name in [*names["train"], *names["val"]]
    }
    paths = []
    for split, clips in names.items():
        place = tmp_path / split / "0.zarr"
        paths.append((str(place), str(place.with_suffix(".manifest.json"))))
        with FramesWriter(*paths[-1], *SIZE) as writer:
            for name in clips:
                writer.add_clip(name, frames[name], np.arange(len(frames[name])) / 5)
    return frames, stores_by_shard(*zip(*paths, strict=True))


def test_sheet_holds_first_and_last_frame_of_every_clip(store, tmp_path):
    frames, open_store = store
    rows = [_clip(name, "val" if name == "short" else "train") for name in frames]
    rows[1] |= {"source_fps": None, "codec": None, "mirrored": None, "duration_s": None, "rotation_deg": None}
    rows.append(_clip("q", "val", 0, "quarantined"))
    frames_sheet(tmp_path / "sheet.png", pd.DataFrame(rows), open_store)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    for clip in frames.values():
        for frame in (clip[0], clip[-1]):
            tile = frame.repeat(2, axis=0).repeat(2, axis=1)
            starts = np.argwhere((sheet == tile[0, 0]).all(axis=-1))
            assert any(np.array_equal(sheet[y : y + 64, x : x + 128], tile) for y, x in starts)


def test_without_a_usable_clip_there_is_no_sheet(tmp_path):
    with pytest.raises(LamoError, match="none of 1 clips is usable"):
        frames_sheet(tmp_path / "sheet.png", pd.DataFrame([_clip("q", "val", 0, "quarantined")]), None)


def test_text_is_cut_to_its_room_and_one_line():
    assert shorten("a\nb\tc", 13, 500) == "a b c"
    cut = shorten("x" * 500, 13, 100)
    assert cut.endswith("…")
    assert font(13).getlength(cut) <= 100
