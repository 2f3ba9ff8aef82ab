"""The whole plan: hours by hand, warnings, the text and the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lamo.jobs.code_hash import ROOT
from lamo.tools.overlay import lay_over, read_yaml
from lamo.tools.plan.__main__ import main
from lamo.tools.plan.clips import plan_clips
from lamo.tools.plan.decoding import Decoding
from lamo.tools.plan.disk import plan_memory, plan_stores
from lamo.tools.plan.flops import Counted
from lamo.tools.plan.gpu import choose_gpu
from lamo.tools.plan.hours import CPU_SHARE, plan_hours, scored_frames
from lamo.tools.plan.jobs import count_jobs
from lamo.tools.plan.plan import Plan
from lamo.tools.plan.rates import Rates
from lamo.tools.plan.report import report
from lamo.tools.plan.text import duration, operations, size, table
from lamo.tools.plan.units import Unit
from lamo.tools.plan.warnings import warnings_of

RATES = Rates(start=2.0, latents=1e-6, statistics=3e-6, score=0.1, blur=0.0, render=5.0, drive_bytes=1e3, features=7.0)
DECODING = Decoding(per_second=0.5, per_byte=1e-6, ratio=2.0, clips=2, seconds=24.0)
MATMUL = 1e9


@pytest.fixture
def plan(tiny, sizes):
    clips = plan_clips(tiny, None, None, 64)
    stores = plan_stores(sizes, clips, DECODING.ratio, RATES.drive_bytes)
    counted = [
        Counted(Unit("decoder_train", "step", 10, 4, None), flops=1000, core_s=3.0),
        Counted(Unit("midway_train", "step", 10, 4, None), flops=10**9, core_s=None),
    ]
    hours = plan_hours(sizes, clips, count_jobs(tiny), stores, counted, RATES, DECODING, MATMUL)
    return Plan(
        sizes, clips, stores, plan_memory(sizes, clips), hours, counted, RATES, DECODING, MATMUL,
        choose_gpu(None, 0.5, None), (Path("/disk"), 10**12), 10**12, 2,
    )  # fmt: skip


def test_hours_by_hand(plan, sizes):
    rules = {one.rule: one for one in plan.hours}
    assert rules["world_render"].cpu_s == 2 * 2.0 + 6 * 5.0
    # Three jobs, 24 s of video, 120 frames written.
    assert rules["frames_decode"].cpu_s == pytest.approx(3 * 2.0 + 24 * 0.5 + 120 * 16 * 32 * 3 * 1e-6)
    assert rules["metrics_features"].cpu_s == 2.0 + 7.0
    # Windows x steps x (4 samplers x 2 samples + 7 controls).
    assert scored_frames(sizes, 4) == 4 * 8 * (4 * 2 + 7)
    assert rules["metrics_score"].cpu_s == pytest.approx(2.0 + 480 * 0.1)
    decoder, midway = rules["decoder_train"], rules["midway_train"]
    assert (decoder.flops, decoder.model_s, decoder.timed) == (10_000, 30.0, True)
    assert (midway.flops, midway.timed) == (10**10, False)
    assert midway.model_s == pytest.approx(10 / CPU_SHARE)


def test_gpu():
    assert choose_gpu(None, 0.35, None).flops == pytest.approx(312e12 * 0.35)
    assert choose_gpu(None, 0.5, 4e14).flops == 2e14
    assert choose_gpu(100.0, 0.5, 4e14).flops == 5e13


def test_warnings(plan):
    assert warnings_of(plan) == []
    (disk,) = warnings_of(replace(plan, disk=(Path("/disk"), 1000)))
    assert disk.startswith("the disk of /disk is too small:")
    assert "1.00 kB are free" in disk
    memory = warnings_of(replace(plan, machine_bytes=1000))
    assert [line.split(":")[0].split()[-1] for line in memory] == [need.rule for need in plan.memory]
    slow = replace(plan, gpu=choose_gpu(1e-9, 1.0, None))
    (runtime,) = warnings_of(slow)
    # 10^10 operations at 1,000 per second.
    assert "midway_train 2,778 h of 24.0 h" in runtime
    failed = replace(plan, clips=replace(plan.clips, failed=("a.mp4",), looked_at=4))
    assert warnings_of(failed)[0].startswith("1 of 4 headers looked at cannot be read, e.g. a.mp4")


def test_text_of_numbers():
    assert size(1_234_500_000_000) == "1.23 TB"
    assert size(234_500_000) == "234.5 MB"
    assert [duration(s).strip() for s in (5, 90, 7200, 4_000_000)] == ["5.0 s", "1.5 min", "2.0 h", "1,111 h"]
    assert operations(1.5e15) == "1.5 PFLOP"
    assert table(("a", "b"), [("x", "1"), ("", ""), ("yy", "22")], 1) == "a    b\n--  --\nx    1\n--  --\nyy  22"


def test_report_says_everything_and_is_narrow(plan):
    text = report(plan, "title")
    assert max(map(len, text.splitlines())) <= 140
    for one in plan.hours:
        assert one.rule in text
    for word in ("measured", "counted", "assumed", "No warnings."):
        assert word in text


def test_command(capsys, tmp_path, make_video, monkeypatch):
    # Quick: nothing is imported to time the start of a job, nothing is timed more than once, one sampler.
    monkeypatch.setattr("lamo.tools.plan.rates.START", "pass")
    monkeypatch.setattr("lamo.tools.plan.flops.ENOUGH_S", 0.0)
    for split in ("train", "val"):
        (tmp_path / "videos" / split).mkdir(parents=True)
        make_video(tmp_path / "videos" / split / "a.mp4", 4)
    config = tmp_path / "config.yaml"
    samplers = {"predictors": {"entries": {"flow": {"samplers": ["2"]}, "gmm": None, "state": None}}}
    config.write_text(yaml.safe_dump(lay_over(read_yaml(ROOT / "config" / "tiny.yaml"), samplers)))
    arguments = ["--config", str(config), "--videos", str(tmp_path / "videos"), "--results", str(tmp_path / "results")]
    assert main([*arguments, "--json", str(tmp_path / "plan.json"), "--gpu-tflops", "100"]) == 0
    assert "Videos: 2 files" in capsys.readouterr().out
    facts = json.loads((tmp_path / "plan.json").read_text())
    assert facts["clips"]["train"] == {"clips": 1, "seconds": 4.0, "frames": 20, "frames_error": 0.0}
    assert facts["gpu"]["peak"] == 1e14
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "missing.yaml"], "missing.yaml: not found"),
        (["--videos", "nowhere"], "videos.root nowhere: found nothing"),
        (["--clips", "train=1", "val=1"], "without SECONDS"),
        (["--clips", "train=1", "--seconds", "40"], "expected a count for each split"),
    ],
)
def test_bad_input_is_one_line(arguments, message, capsys):
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    assert message in told.err
