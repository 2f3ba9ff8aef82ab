"""Bad input: one clear line that names the file or key, or a row that says why a clip is not used."""

import shutil

import pandas as pd
import pytest

CLIPS = ("01_frames/clips.parquet",)


def errors(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith(("error in rule", "config:"))]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("sed=1", "config: unknown key sed (found 1); did you mean seed?"),
        ("seed=x", "config: seed: found 'x', expected a valid integer"),
        ("frames={hight: 16}", "config: unknown key frames.hight (found '16'); did you mean height?"),
        ("metrics={fid: {weights: no.pt}}", "config: metrics.fid.weights: found no file no.pt, expected inception-"),
        (
            "metrics={lpips: {weights: no.pth}}",
            "config: metrics.lpips.weights: found no file no.pth, expected alexnet-",
        ),
        ("metrics={fvd: {weights: no.pt}}", "config: metrics.fvd.weights: found no file no.pt, expected i3d_torch"),
    ],
)
def test_wrong_config_stops_before_anything_runs(new_workflow, config, expected):
    output = new_workflow(config).run(succeeds=False)
    assert errors(output)[0].startswith(expected)
    assert "Traceback" not in output
    assert "Error in rule" not in output


@pytest.mark.parametrize(("make", "expected"), [(False, "found nothing"), (True, "no video found")])
def test_missing_or_empty_folder(new_workflow, tmp_path, make, expected):
    root = tmp_path / "videos"
    if make:
        root.mkdir()
    output = new_workflow(f"videos={{root: {root}, split: by_video}}").run(targets=CLIPS, succeeds=False)
    assert len(errors(output)) == 1
    assert str(root) in errors(output)[0]
    assert expected in errors(output)[0]
    assert "Traceback" not in output


def test_useless_files_get_a_row_with_the_reason(tiny, new_workflow, tmp_path):
    root, made = tmp_path / "videos", tiny.results / "01_frames" / "world" / "videos"
    for split in ("train", "val"):
        shutil.copytree(made / split, root / split, ignore=shutil.ignore_patterns(".*"))
    (root / "train" / "empty.mp4").touch()
    (root / "train" / "text.mov").write_text("not a video\n" * 100)
    whole = next((root / "val").glob("*.mov"))
    (root / "val" / "cut.mov").write_bytes(whole.read_bytes()[:2000])
    workflow = new_workflow(f"videos={{root: {root}, split: folders}}", "frames={max_quarantined_share: 0.5}")
    workflow.run(targets=CLIPS)
    clips = pd.read_parquet(workflow.results / CLIPS[0]).set_index("id")
    bad = clips[clips["status"] == "quarantined"]
    assert sorted(bad.index) == ["cut", "empty", "text"]
    assert bad["reason"].str.len().min() > 10
    assert len(clips) == 9
    output = workflow.run(targets=CLIPS, config=("frames={max_quarantined_share: 0.1}",), succeeds=False)
    assert "3 of 9 clips quarantined, frames.max_quarantined_share allows 0.1" in errors(output)[0]
    stage = workflow.results / "01_frames"
    assert list(pd.read_csv(stage / "quarantined.csv")["id"]) == ["empty", "text", "cut"]
    assert len(pd.read_parquet(stage / "refused_clips.parquet")) == 9
    assert "| all | 9 | 6 | 0 | 3 |" in (stage / "refused_clips.md").read_text(encoding="utf-8")


def test_stage_02_that_refuses_first_leaves_the_clips_to_look_at(tiny, new_workflow, tmp_path):
    root = tmp_path / "videos"
    shutil.copytree(tiny.results / "01_frames" / "world" / "videos", root, ignore=shutil.ignore_patterns(".*"))
    (root / "train" / "text.mov").write_text("not a video\n" * 100)
    workflow = new_workflow(f"videos={{root: {root}, split: folders}}", "frames={max_quarantined_share: 0.1}")
    stage, midway = workflow.results / "01_frames", "02_midway/model.safetensors"
    count = len([path for path in root.rglob("*") if path.suffix in (".mov", ".mp4")])
    # Whichever of the two jobs fails first, and without the one that writes the table of clips.
    for targets in ((*CLIPS, midway), (midway,)):
        output = workflow.run(targets=targets, succeeds=False)
        for error in errors(output):
            assert f"1 of {count} clips quarantined, frames.max_quarantined_share allows 0.1" in error
            assert "01_frames/quarantined.csv, all clips in " in error
            assert error.endswith("01_frames/refused_clips.parquet")
        assert errors(output)
        assert list(pd.read_csv(stage / "quarantined.csv")["id"]) == ["text"]
        assert len(pd.read_parquet(stage / "refused_clips.parquet")) == count
        assert not (workflow.results / CLIPS[0]).exists()
        for path in stage.glob("refused_clips.*"):
            path.unlink()
        (stage / "quarantined.csv").unlink()


def test_clip_shorter_than_one_window(tiny, new_workflow, tmp_path):
    root = tmp_path / "videos"
    shutil.copytree(tiny.results / "01_frames" / "world" / "videos", root, ignore=shutil.ignore_patterns(".*"))
    workflow = new_workflow(f"videos={{root: {root}, split: folders}}", "frames={min_frames: 24}")
    output = workflow.run(targets=CLIPS, succeeds=False)
    assert "none of its 4 clips is usable" in errors(output)[0]
    assert "too short: 20 frames at 5 per second, frames.min_frames asks for 24" in errors(output)[0]


def test_videos_that_change_are_found_again(tiny, new_workflow, tmp_path):
    root = tmp_path / "videos"
    shutil.copytree(tiny.results / "01_frames" / "world" / "videos", root, ignore=shutil.ignore_patterns(".*"))
    workflow = new_workflow(f"videos={{root: {root}, split: folders}}")
    workflow.run(targets=CLIPS)
    assert "Nothing to be done" in workflow.run(targets=CLIPS)
    video = next((root / "val").glob("*.mov"))
    shutil.copy(video, root / "val" / "another.mov")
    workflow.run(targets=CLIPS)
    assert "another" in set(pd.read_parquet(workflow.results / CLIPS[0])["id"])
