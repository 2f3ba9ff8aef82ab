"""The same video under several names is said, and never stands on both sides of the split."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lamo.dataset.config import VideosConfig
from lamo.dataset.copies import copies_of, sentence
from lamo.dataset.discover import find_videos
from lamo.dataset.fingerprints import BLOCK, fingerprints
from lamo.dataset.summary import clips_summary
from lamo.errors import LamoError

SHARDS = {"train": 3, "val": 2}


def write(root: Path, *names: str) -> Path:
    """Videos whose content is their name."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def find(root: Path, **config) -> pd.DataFrame:
    return find_videos(VideosConfig(root=str(root), **config), root, SHARDS, fingerprints)


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def hard_link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


HOW = pytest.mark.parametrize("how", [copy, hard_link, link])


def places(found: pd.DataFrame) -> dict[str, tuple[str, int]]:
    return {row.id: (row.split, row.shard) for row in found.itertuples()}


@HOW
def test_copies_are_on_the_side_of_the_original(tmp_path, how, caplog):
    names = [f"{index}.mov" for index in range(40)]
    before = places(find(write(tmp_path, *names), split="by_video", val_fraction=0.3))
    assert not caplog.messages
    for index in range(40):
        how(tmp_path / f"{index}.mov", tmp_path / f"{index} (1).mov")
        how(tmp_path / f"{index}.mov", tmp_path / "backup" / f"{index}.MOV")
    found = find(tmp_path, split="by_video", val_fraction=0.3)
    after = places(found)
    assert before.items() <= after.items()
    assert len(after) == 120
    assert {split for split, _ in before.values()} == {"train", "val"}
    for index in range(40):
        assert len({after[name][0] for name in (f"{index}", f"{index} (1)", f"backup/{index}")}) == 1
    assert (found.groupby("fingerprint")["split"].nunique() == 1).all()
    assert caplog.messages[-1].startswith("80 videos are others under a second name: ")


@HOW
def test_a_video_in_train_and_val_is_refused(tmp_path, how):
    write(tmp_path, "train/a.mov", "train/b.mov", "val/c.mov")
    how(tmp_path / "train" / "b.mov", tmp_path / "val" / "another.mov")
    with pytest.raises(
        LamoError, match=r"found 1 video both in train and in val.*b\.mov \(train\) = .*another\.mov \(val\)"
    ):
        find(tmp_path)


def test_many_videos_in_train_and_val_are_counted(tmp_path):
    for index in range(10):
        write(tmp_path, f"train/{index}.mov")
        copy(tmp_path / f"train/{index}.mov", tmp_path / f"val/{index}.mov")
    with pytest.raises(LamoError, match=r"found 10 videos both in .*; and 7 more; take one of the two away") as caught:
        find(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_whole_of_two_videos_is_compared_before_they_are_refused(tmp_path):
    size = 8 * BLOCK
    for name, byte in (("train/a.mov", b"a"), ("val/b.mov", b"b")):
        content = bytearray(size)
        content[2 * BLOCK : 2 * BLOCK + 1] = byte
        write(tmp_path, name).joinpath(name).write_bytes(content)
    found = find(tmp_path)
    assert found["fingerprint"].nunique() == 1
    assert list(found["split"]) == ["train", "val"]


def test_copies_in_one_split_are_said_and_kept(tmp_path, caplog):
    write(tmp_path, "train/a.mov", "val/c.mov")
    copy(tmp_path / "train/a.mov", tmp_path / "train/A.MOV")
    found = find(tmp_path)
    assert list(found["id"]) == ["A", "a", "c"]
    assert caplog.messages == [
        f"1 video is another one under a second name: {tmp_path}/train/A.MOV = {tmp_path}/train/a.mov"
    ]


def test_parts_of_time_of_copies_do_not_meet(tmp_path, caplog):
    write(tmp_path, "a.mov", "b.mov")
    copy(tmp_path / "a.mov", tmp_path / "copy.mov")
    found = find(tmp_path, split="by_time", val_fraction=0.25)
    assert len(found) == 6
    assert "a.mov = " in caplog.text
    for row in found[found["split"] == "val"].itertuples():
        assert (found.loc[found["split"] == "train", "end_share"] <= row.start_share).all()


def test_two_videos_with_copies_are_one_each(tmp_path):
    write(tmp_path, "a.mov", "b.mov")
    for number in range(10):
        copy(tmp_path / "a.mov", tmp_path / f"a ({number}).mov")
    found = find(tmp_path, split="by_video", val_fraction=0.9)
    assert set(found.loc[found["id"] != "b", "split"]) != set(found.loc[found["id"] == "b", "split"])


def test_one_video_under_two_names_can_only_be_split_by_time(tmp_path):
    write(tmp_path, "a.mov")
    copy(tmp_path / "a.mov", tmp_path / "b.mov")
    with pytest.raises(LamoError, match=r"found one video under 2 names.*by_time"):
        find(tmp_path, split="by_video")


def test_empty_and_unreadable_files_are_no_copies(tmp_path, caplog):
    write(tmp_path, "train/a.mov", "val/b.mov")
    for name in ("train/empty.mov", "val/empty.mov"):
        (tmp_path / name).write_bytes(b"")
    for name in ("train/gone.mov", "val/gone.mov"):
        (tmp_path / name).symlink_to("nowhere")
    found = find(tmp_path)
    assert len(found) == 6
    assert copies_of(found) == []
    assert not caplog.messages


def test_a_division_of_ones_own_is_looked_at_too(tmp_path, monkeypatch):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "by_half.py").write_text(
        "from lamo.dataset.division import Clip\n"
        "from lamo.dataset.walk import video_files\n"
        "def clips(config, root, outside):\n"
        "    files = sorted(video_files(root, config.extensions, outside), key=lambda file: file.name)\n"
        "    return [Clip(f.name, f.name, ('train', 'val')[i % 2], f) for i, f in enumerate(files)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path / "modules")
    videos = write(tmp_path / "videos", "a.mov")
    copy(videos / "a.mov", videos / "b.mov")
    with pytest.raises(LamoError, match="found 1 video both in train and in val"):
        find(videos, split="by_half:clips")


def test_copies_stand_in_the_summary(tmp_path):
    write(tmp_path, "train/a.mov", "val/c.mov")
    for number in range(3):
        copy(tmp_path / "train/a.mov", tmp_path / f"train/a{number}.mov")
    found = find(tmp_path)
    copies = copies_of(found)
    assert [[Path(name).name for name in group] for group in copies] == [["a.mov", "a0.mov", "a1.mov", "a2.mov"]]
    assert sentence(copies).startswith("3 videos are others under a second name: ")
    table = found.assign(status="ok", reason="", frames=3, duration_s=1.0)
    text = clips_summary(table, 5.0, copies=copies)
    assert f"## The same video under several names\n\n- `{tmp_path}/train/a.mov` = `{tmp_path}/train/a0.mov` = " in text
    assert "several names" not in clips_summary(table, 5.0)


def test_copies_are_found_quickly_among_many():
    from time import perf_counter

    from lamo.dataset.copies import keep_together
    from lamo.dataset.division import Clip
    from lamo.dataset.walk import VideoFile

    files = [VideoFile(f"{index}.mov", f"/videos/{index}.mov", 1000, (0, 0)) for index in range(70_000)]
    clips = [Clip(file.name, file.name, "train", file) for file in files]
    values = {file.path: f"{index // 2:032x}" for index, file in enumerate(files)}
    start = perf_counter()
    keep_together(VideosConfig(root="/videos", split="by_video"), clips, values)
    assert perf_counter() - start < 5
