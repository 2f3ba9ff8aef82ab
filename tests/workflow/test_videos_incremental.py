"""Videos that are added, replaced, removed or moved: the shards that they belong to are decoded again, no others."""

import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lamo.tools.verify import VIDEOS as VIDEOS_CHANGED
from lamo.tools.verify import Verification, report
from lamo.world.write import write_video

# By time, so that every video lies in two shards; the held-out part is 6 * 0.5 - 0.4 s, 13 frames of the 12 needed.
VIDEOS = "videos={{root: {root}, split: by_time, val_fraction: 0.5, guard_s: 0.4}}"
SHARDS = "frames={shards: {train: 3, val: 2}}"
TARGETS = ("01_frames/clips.parquet",)
NAMES = ("a", "b", "deep/c", "d e", "f", "g")


def make_video(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 255, (30, 4, 8, 3), dtype=np.uint8)
    write_video(path, coarse.repeat(8, axis=1).repeat(8, axis=2), fps=5, crf=30)
    return path


@dataclass(frozen=True)
class Frames:
    """Stage 01 of a workflow."""

    workflow: Any

    @property
    def stage(self) -> Path:
        return self.workflow.results / "01_frames"

    def copy(self, directory: Path, *config: str) -> "Frames":
        shutil.copytree(self.workflow.directory, directory, symlinks=True)
        return Frames(replace(self.workflow, directory=directory, config=config or self.workflow.config))

    def shards_of(self, name: str) -> set[str]:
        """The shards that hold the parts of a video, as the messages of their jobs name them."""
        found = pd.read_parquet(self.stage / "found.parquet")
        mine = found[found["id"].str.rpartition("@")[0] == name]
        return {f"{split} shard {shard}" for split, shard in zip(mine["split"], mine["shard"], strict=True)}

    def dry_run(self, *config: str) -> tuple[set[str], set[str]]:
        """Rules that would run, but for the decoding, and the shards that would be decoded."""
        output = self.workflow.run("--dry-run", config=config, targets=TARGETS)
        decoded = set(re.findall(r"Stage 01: decoding (\w+ shard \d+)", output))
        rules = set(re.findall(r"^(?:local)?(?:rule )?(\w+) +\d+$", output.partition("Job stats:")[2], re.MULTILINE))
        assert ("frames_decode" in rules) == bool(decoded), output
        return rules - {"total", "frames_decode"}, decoded

    def contents(self) -> dict[str, bytes]:
        """Every byte of the stores and of their manifests."""
        paths = [path for path in (self.stage / "frames").rglob("*") if path.is_file() and path.suffix != ".parquet"]
        files = {str(path.relative_to(self.stage)): path for path in paths if path.name != ".snakemake_timestamp"}
        return {name: path.read_bytes() for name, path in files.items()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, workflow_in):
    """Frames of six videos."""
    directory = tmp_path_factory.mktemp("incremental")
    for seed, name in enumerate(NAMES):
        make_video(directory / "videos" / f"{name}.mov", seed)
    workflow = workflow_in(directory / "run", VIDEOS.format(root=directory / "videos"), SHARDS)
    workflow.run(targets=TARGETS)
    return Frames(workflow)


@pytest.fixture
def videos(finished):
    """The folder of the videos; afterwards it is as it was before."""
    folder = finished.workflow.directory.parent / "videos"
    copy = folder.with_name("videos-before")
    shutil.copytree(folder, copy)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    copy.rename(folder)


LISTED = {"frames_find", "frames_collect"}
NOTHING = (set(), set())


def replace_with_equal_size(path: Path) -> None:
    """Other content under the same name, of the same size and with the same time stamp."""
    content, times = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    subprocess.run(["touch", "--date", f"@{times.st_mtime_ns / 1e9:.9f}", path], check=True)


def test_nothing_changed_touched_files_other_files_and_a_copy_decode_nothing(finished, videos):
    for path in videos.rglob("*.mov"):
        path.touch()
    (videos / "README.md").write_text("read me")
    (videos / ".cache").mkdir()
    make_video(videos / ".cache" / "hidden.mov", 99)
    assert finished.dry_run() == NOTHING
    shutil.copytree(videos, videos.with_name("copy"))
    shutil.rmtree(videos)
    videos.with_name("copy").rename(videos)
    assert finished.dry_run() == NOTHING


def test_an_added_video_decodes_its_shards(finished, videos):
    shutil.copy(videos / "a.mov", videos / "g.mp4")
    rules, decoded = finished.dry_run()
    # Not to be told from g.mov by its name alone, it goes to the same shards.
    assert (rules, decoded) == (LISTED, finished.shards_of("g"))
    assert len(decoded) == 2


def test_a_video_replaced_by_another_of_the_same_size_is_noticed(finished, videos):
    replace_with_equal_size(videos / "deep" / "c.mov")
    assert finished.dry_run() == (LISTED, finished.shards_of("deep/c"))


def test_a_removed_video_and_a_broken_link_in_the_place_of_one_change_their_shards(finished, videos):
    (videos / "b.mov").unlink()
    (videos / "d e.mov").unlink()
    (videos / "d e.mov").symlink_to("nowhere")
    assert finished.dry_run() == (LISTED, finished.shards_of("b") | finished.shards_of("d e"))


def test_moved_videos_are_listed_again_and_not_decoded(finished, videos):
    moved = videos.with_name("moved")
    shutil.move(videos, moved)
    (moved / "f.mov").rename(moved / "f.MOV")
    try:
        assert finished.dry_run(VIDEOS.format(root=moved)) == (LISTED, set())
    finally:
        shutil.move(moved, videos)


@pytest.mark.parametrize(
    ("videos", "frames", "expected"),
    [
        (VIDEOS.replace("0.4", "0.6"), SHARDS, {"val shard 0", "val shard 1"}),
        (VIDEOS, SHARDS.replace("val: 2", "val: 3"), {"val shard 0", "val shard 1", "val shard 2"}),
    ],
)
def test_what_is_asked_of_one_split_does_not_decode_the_other(finished, videos, frames, expected):
    root = finished.workflow.directory.parent / "videos"
    assert finished.dry_run(videos.format(root=root), frames) == (LISTED, expected)


def test_other_settings_of_the_decoding_count_also_where_videos_change(finished, videos):
    """A change of the list must not hide other reasons to decode."""
    (videos / "b.mov").unlink()
    _, decoded = finished.dry_run(SHARDS.replace("frames={", "frames={fit: stretch, "))
    assert decoded == {f"train shard {shard}" for shard in range(3)} | {"val shard 0", "val shard 1"}


def test_videos_in_the_results_are_refused(finished):
    output = finished.workflow.run("--dry-run", config=("videos={root: results/tiny/01_frames}",), succeeds=False)
    assert "config: videos.root results/tiny/01_frames: lies in results/tiny" in output
    assert "Traceback" not in output


def test_a_job_on_another_machine_has_the_list_of_the_run_that_started_it(finished, videos, tmp_path, monkeypatch):
    """Snakemake reads the workflow anew for a job that it sends elsewhere; what became of the videos does not count."""
    found = pd.read_parquet(finished.stage / "found.parquet")
    listings = (finished.stage / "listings").glob("*.parquet")
    (listing,) = [path for path in listings if pd.read_parquet(path).equals(found)]
    elsewhere = finished.copy(tmp_path / "run")
    shutil.rmtree(elsewhere.stage / "frames")
    shutil.copy(videos / "a.mov", videos / "h.mov")
    monkeypatch.setenv("LAMO_LISTING", str(listing))
    job = ("--target-jobs", "frames_decode:split=val,shard=1", "--allowed-rules", "frames_decode")
    elsewhere.workflow.run("--mode", "remote", "--force", "--nolock", "--no-hooks", *job)
    expected = {name: content for name, content in finished.contents().items() if name.startswith("frames/val/1.")}
    assert elsewhere.contents() == expected


def test_after_many_changes_the_run_ends_as_one_on_the_final_videos(finished, videos, tmp_path, workflow_in):
    moved = tmp_path / "videos"
    shutil.copytree(videos, moved)
    (moved / "a.mov").unlink()
    (moved / "empty.mov").touch()
    (moved / "broken.mov").symlink_to("nowhere")
    make_video(moved / "d e.mov", 77)
    (moved / "f.mov").rename(moved / "f.MOV")
    settings = (VIDEOS.format(root=moved), SHARDS.replace("frames={", "frames={max_quarantined_share: 0.5, "))
    changed = finished.copy(tmp_path / "run", *settings)
    changed.workflow.run(targets=TARGETS)
    assert changed.dry_run() == NOTHING
    fresh = Frames(workflow_in(tmp_path / "fresh", *settings))
    fresh.workflow.run(targets=TARGETS)
    assert changed.contents() == fresh.contents()
    clips = pd.read_parquet(changed.stage / "clips.parquet")
    assert clips.equals(pd.read_parquet(fresh.stage / "clips.parquet"))
    assert (clips["path"].str.startswith(str(moved))).all()
    assert dict(clips["status"].value_counts()) == {"ok": 10, "quarantined": 4}


def test_changed_videos_are_known_without_snakemakes_memory_and_by_verify(finished, videos, tmp_path):
    copy = finished.copy(tmp_path / "run")
    shutil.rmtree(copy.workflow.directory / ".snakemake")
    assert copy.dry_run() == NOTHING
    assert report(Verification(copy.workflow.results))[1]
    replace_with_equal_size(videos / "b.mov")
    shards = copy.shards_of("b")
    shutil.rmtree(copy.workflow.directory / ".snakemake")
    assert copy.dry_run() == (LISTED, shards)
    findings = Verification(copy.workflow.results).findings()
    named = {finding.path.split(".")[0] for finding in findings if finding.kind == VIDEOS_CHANGED}
    assert named == {f"01_frames/frames/{shard.replace(' shard ', '/')}" for shard in shards}


def test_verify_says_that_it_cannot_compare_videos_that_are_gone(finished, videos):
    shutil.rmtree(videos)
    text, agrees = report(Verification(finished.workflow.results))
    assert agrees
    assert "its videos were not compared with those it was made from" in text
    assert "found nothing, expected a folder of videos" in text
