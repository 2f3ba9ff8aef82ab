"""Decoded frames beside stills: right ones match, and each kind of wrong one is called by its name."""

import os
from contextlib import suppress
from functools import cache

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lamo.dataset.bdd100k.stills import ORIENTATIONS, UnreadableError, compare, fit_still, load_still, orient
from lamo.dataset.bdd100k.stills_sheet import choose_stills, stills_sheet
from lamo.dataset.bdd100k.stills_table import (
    STILLS_SCHEMA,
    matched_table,
    read_matched,
    stills_rows,
    stills_summary,
    worst_first,
)
from lamo.dataset.companions import STILL_ENDINGS, Companions, match
from lamo.dataset.tables import write_rows, write_table
from lamo.stores.frames import FramesStore, FramesWriter

RATE_HZ, SIZE = 5.0, (32, 64)


@cache
def scene(seed: int, at: float, shape: tuple[int, int] = (180, 320)) -> Image.Image:
    """A picture of a made drive at a time: a bright sky, a dark road, and houses and marks that move."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] / max(shape)
    light = 190 - 230 * y
    for _ in range(30):
        x0, y0, speed = rng.uniform(-0.3, 1.3), rng.uniform(0, 0.6), rng.uniform(-0.08, 0.08)
        width, height, shade = rng.uniform(0.02, 0.12), rng.uniform(0.02, 0.12), rng.uniform(-70, 70)
        light = light + shade * ((abs(x - x0 - speed * (at - 10)) < width) & (abs(y - y0) < height))
    light = light + 2 * rng.standard_normal(shape)
    return Image.fromarray(np.stack([light, light * 0.9, light * 0.8], axis=-1).clip(0, 255).astype(np.uint8))


TIMES = np.arange(100) / RATE_HZ
FRAMES = np.stack([fit_still(scene(0, at), *SIZE, "crop") for at in TIMES])
NEAR = slice(43, 58)


def judged(still: Image.Image, frames=FRAMES[NEAR], times=TIMES[NEAR], fit="crop"):
    return compare(still, frames, times, RATE_HZ, fit)


def test_right_still_matches():
    likeness = judged(scene(0, 10.0))
    assert (likeness.verdict, likeness.orientation) == ("match", "upright")
    assert likeness.offset_s == pytest.approx(0)
    assert min(likeness.detail, likeness.correlation) > 0.99
    assert likeness.psnr_db > 35


@pytest.mark.parametrize("offset", [-1.0, 0.6, 1.0])
def test_still_of_another_time_is_an_offset(offset):
    likeness = judged(scene(0, 10.0 + offset))
    assert (likeness.verdict, likeness.orientation) == ("offset", "upright")
    assert likeness.offset_s == pytest.approx(offset)
    assert likeness.detail > 0.99 > likeness.detail_expected


def test_still_between_two_frames_matches():
    assert judged(scene(0, 10.07)).verdict == "match"


@pytest.mark.parametrize("orientation", ORIENTATIONS[1:])
def test_frames_in_another_orientation_are_named(orientation):
    # What a decoder would have stored that had every picture turned so before fitting it.
    turned = [fit_still(orient(scene(0, at), orientation), *SIZE, "crop") for at in TIMES[NEAR]]
    likeness = judged(scene(0, 10.0), np.stack(turned))
    assert (likeness.verdict, likeness.orientation) == ("orientation", orientation)
    assert likeness.detail > 0.99 > likeness.detail_expected


def test_stretched_frames_are_compared_with_the_stretched_still():
    tall = (64, 32)
    frames = np.stack([fit_still(scene(0, at), *tall, "stretch") for at in TIMES[NEAR]])
    assert judged(scene(0, 10.0), frames, fit="stretch").verdict == "match"
    assert judged(scene(0, 10.0), frames, fit="crop").detail < 0.9


def test_still_of_another_clip_is_unlike():
    assert judged(scene(1, 10.0)).verdict == "unlike"


def test_grey_still_of_low_contrast_matches_and_so_does_none_of_another():
    def pale(picture):
        return Image.blend(Image.new("RGB", picture.size, (128, 128, 128)), picture, 0.08)

    assert judged(pale(scene(0, 10.0))).verdict == "match"
    assert judged(pale(scene(1, 10.0))).verdict == "unlike"


def test_without_any_detail_the_pixels_decide():
    dark = np.full((15, *SIZE, 3), 12, dtype=np.uint8)
    for shade, verdict in ((13, "match"), (80, "unlike")):
        likeness = judged(Image.new("RGB", (640, 360), (shade,) * 3), dark)
        assert (likeness.verdict, likeness.orientation, likeness.offset_s) == (verdict, "upright", pytest.approx(0))


def test_a_scene_that_stands_still_has_no_offset():
    rng = np.random.default_rng(0)
    frames = np.repeat(FRAMES[[50]], 15, axis=0).astype(int) + rng.integers(-2, 3, (15, *SIZE, 1))
    likeness = judged(scene(0, 10.0), frames.clip(0, 255).astype(np.uint8))
    assert (likeness.verdict, likeness.offset_s) == ("match", pytest.approx(0))


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((640, 360)).save(path, quality=85)
    return path


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "folder", "pipe", "absent", "huge"])
def test_stills_that_cannot_be_read_are_refused_with_the_reason(tmp_path, damage):
    path = save(tmp_path / "a.jpg", scene(0, 10.0))
    content = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "pipe":
        os.mkfifo(path)
    elif damage == "huge":
        Image.new("1", (20_000, 10_000)).save(path, format="PNG")
    elif damage != "absent":
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2], "text": b"no picture"}[damage])
    with pytest.raises(UnreadableError) as error:
        load_still(path)
    assert str(error.value)
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("seed", range(40))
def test_mutated_stills_give_a_picture_or_a_reason(tmp_path, seed):
    content = bytearray(save(tmp_path / "a.jpg", scene(0, 10.0)).read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, 2000 if seed % 2 else len(content), 20):
        content[place] = rng.integers(256)
    (tmp_path / "a.jpg").write_bytes(content)
    with suppress(UnreadableError):
        assert load_still(tmp_path / "a.jpg").mode == "RGB"


WHOLE = slice(0, 100)
CLIPS = {
    **dict.fromkeys(("right", "shifted", "mirrored", "other", "damaged", "none", "far"), WHOLE),
    **{"late": slice(10, 45), "held@val": slice(48, 100)},
}


@pytest.fixture
def shard(tmp_path):
    """The clips (one of them not in the store) with their stills, and the frames store."""
    with FramesWriter(tmp_path / "0.zarr", tmp_path / "0.manifest.json", *SIZE) as writer:
        for name, rows in CLIPS.items():
            writer.add_clip(name, FRAMES[rows], TIMES[rows])
    store = FramesStore(tmp_path / "0.zarr", tmp_path / "0.manifest.json")
    stills = {name: scene(0, 10.0) for name in CLIPS if name != "none"} | {"quarantined": scene(0, 10.0)}
    stills |= {"shifted": scene(0, 11.0), "other": scene(1, 10.0), "far": scene(0, 16.0)}
    stills |= {"mirrored": orient(scene(0, 10.0), "mirrored")}
    paths = {f"v/{name}.mov": save(tmp_path / "stills" / f"{name}.jpg", still) for name, still in stills.items()}
    paths["v/damaged.mov"].write_bytes(b"\xff\xd8 no more")
    names = [*CLIPS, "quarantined"]
    found = pd.DataFrame([{"id": name, "split": "train", "shard": 0, "path": f"v/{name}.mov"} for name in names])
    write_table(tmp_path / "matched.parquet", matched_table(found, Companions(paths, [])))
    return read_matched(tmp_path / "matched.parquet", "train", 0), store


def test_each_shard_finds_its_own_stills_whatever_their_names(tmp_path):
    names = ["b", "a b's", "\udcff"]
    for name in names:
        (tmp_path / "stills").mkdir(exist_ok=True)
        (tmp_path / "stills" / f"{name}.jpg").write_text("a picture")
    places = [("b", "train", 1), ("a b's", "train", 1), ("\\xff", "val", 1), ("none", "train", 1), ("b", "train", 0)]
    rows = [{"id": f"{name}{shard}", "split": split, "shard": shard, "name": name} for name, split, shard in places]
    found = pd.DataFrame(rows)
    found["path"] = "v/" + found.pop("name") + ".mov"
    write_table(tmp_path / "m.parquet", matched_table(found, match(found["path"], tmp_path / "stills", STILL_ENDINGS)))
    matched = {
        place: read_matched(tmp_path / "m.parquet", *place) for place in (("train", 0), ("train", 1), ("val", 1))
    }
    assert [list(table["id"]) for table in matched.values()] == [["b0"], ["a b's1", "b1"], ["\\xff1"]]
    assert all(os.path.isfile(path) for table in matched.values() for path in table["still"])
    assert read_matched(tmp_path / "m.parquet", "val", 0).empty


def test_a_shard_has_a_row_for_every_still(shard, tmp_path):
    matched, store = shard
    write_rows(tmp_path / "stills.parquet", stills_rows(matched, store, RATE_HZ, "crop"), STILLS_SCHEMA)
    stills = pd.read_parquet(tmp_path / "stills.parquet").set_index("id")
    assert stills["verdict"].to_dict() == {
        **{"right": "match", "shifted": "offset", "mirrored": "orientation", "other": "unlike"},
        **{"damaged": "unreadable still", "late": "no frame there", "quarantined": "no frame there"},
        **{"far": "offset", "held@val": "match"},
    }
    assert stills["offset_s"]["shifted"] == pytest.approx(1.0)
    assert stills["offset_s"]["far"] == pytest.approx(6.0)
    assert "from 2.0 to 8.8 s" in stills["reason"]["late"]
    assert "does not hold" in stills["reason"]["quarantined"]
    assert stills["reason"]["damaged"]
    schema = pq.read_schema(tmp_path / "stills.parquet")
    assert all(schema.field(name).metadata[b"description"] for name in schema.names)


def test_summary_counts_and_lists_the_worst(shard):
    matched, store = shard
    stills = pd.DataFrame(stills_rows(matched, store, RATE_HZ, "crop"), columns=STILLS_SCHEMA.names)
    facts = {"folder": "images/100k", "matched": 9, "videos": 10, "extra": {"test": 3}}
    text = stills_summary(stills, facts, RATE_HZ)
    assert "| train | 9 | 2 | 2 | 1 | 1 | 2 | 1 |" in text
    assert "9 of 10 videos have one, 3 belong to no video" in text
    assert "The 5 worst of 5" in text
    assert "| `mirrored` | orientation | +0.00 | mirrored | 1.00" in text
    assert "nan" not in text
    assert stills_summary(stills.head(0), {**facts, "extra": {}}, RATE_HZ)


def test_worst_come_in_turn_of_their_kind():
    verdicts = ["match", "unlike", "offset", "unlike", "orientation", "match", "no frame there"]
    stills = pd.DataFrame({"verdict": verdicts, "detail": [0.9, 0.2, 0.9, 0.1, 0.8, 0.7, None], "split": "train"})
    stills["id"] = [str(index) for index in range(7)]
    assert list(worst_first(stills)["id"])[:4] == ["3", "4", "2", "1"]


def test_sheet_shows_pairs_and_says_when_there_is_none(shard, tmp_path):
    matched, store = shard
    stills = pd.DataFrame(stills_rows(matched, store, RATE_HZ, "crop"), columns=STILLS_SCHEMA.names)
    worst, others = choose_stills(stills, 4)
    assert set(worst["verdict"]) == {"unlike", "orientation", "offset"}
    assert set(others["verdict"]) == {"match"}
    stills_sheet(tmp_path / "sheet.png", stills, lambda split, shard: store, "crop", 4)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB"))
    frame = FRAMES[50].repeat(3, axis=0).repeat(3, axis=1)
    places = np.argwhere((sheet == frame[0, 0]).all(axis=-1))
    shown = [np.array_equal(sheet[y : y + 96, x : x + 192], frame) for y, x in places]
    assert sum(shown) >= 6
    stills_sheet(tmp_path / "empty.png", stills.head(0), lambda split, shard: store, "crop")
    assert Image.open(tmp_path / "empty.png").size[0] > 100
