"""The whole plan: times by hand, warnings, the text and the command."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from lamo.errors import LamoError
from lamo.jobs.code_hash import ROOT
from lamo.section import lay_over
from lamo.tools.dry_run import Job
from lamo.tools.overlay import read_yaml
from lamo.tools.plan.clips import plan_clips
from lamo.tools.plan.command import _parse, main
from lamo.tools.plan.disk import plan_memory, plan_stores
from lamo.tools.plan.gpu import choose_gpu
from lamo.tools.plan.pieces import Piece
from lamo.tools.plan.plan import Plan
from lamo.tools.plan.rates import Rates
from lamo.tools.plan.report import report
from lamo.tools.plan.text import duration, operations, size, table
from lamo.tools.plan.times import Clock
from lamo.tools.plan.warnings import warnings_of
from lamo.tools.plan.work import Work, Workload

KINDS = ("bytes of frames", "bytes of latents", "bytes of latents read", "pixels decoded")
RATES = Rates(
    start=2.0, ratio=2.0,
    of={**dict.fromkeys(KINDS, 1e-6), "frames rendered": 0.1, "frames scored": 0.5, "frames seen": 1.0},
    video_bytes=1e3, decoded=2,
)  # fmt: skip
GIGA = 10**9


def job(stage, rule, threads=1, gpu=0, **wildcards):
    asked = {"mem_mb": 8000, "runtime": 60, "gpu": gpu}
    return Job(rule, wildcards, (), ("output",), f"results/run/logs/{stage}/{rule}.log", "", threads, asked)


JOBS = [
    job("07_metrics", "metrics_score", threads=4, row="controls"),
    job("01_frames", "world_render", split="train"),
    job("01_frames", "world_render", split="val"),
    job("04_decoder", "decoder_train", threads=16, gpu=1),
    job("06_rollouts", "rollouts_predict", predictor="gmm", sampler="gmm"),
    job("06_rollouts", "rollouts_controls"),
]


class Known(Piece):
    """A piece that was counted and timed before."""

    operations = GIGA

    def seconds(self, matmul):
        return 3.0, True


class Training(Workload):
    """Rollouts without models; ten steps of a decoder that is known."""

    def of(self, rule, wildcards):
        if rule == "decoder_train":
            return Work({Known("step", 4, None): 10})
        return Work() if rule.startswith("rollouts") else super().of(rule, wildcards)


@pytest.fixture
def workload(tiny, sizes):
    return Training(sizes, plan_clips(tiny, None, None, 64))


@pytest.fixture
def plan(tiny, workload):
    clock = Clock(workload, [], RATES, GIGA, cores=2)
    return Plan(
        config=tiny, jobs=JOBS, clips=workload.clips, stores=plan_stores(workload, RATES), memory=plan_memory(workload),
        times=clock.rules(JOBS), rates=RATES, matmul=GIGA, gpu=choose_gpu(None, 0.5, None),
        disk=(Path("/disk"), 10**12), machine_bytes=10**12, cores=2,
    )  # fmt: skip


def test_times_by_hand(plan):
    assert [one.stage[:2] for one in plan.times] == ["01", "04", "06", "06", "07"]
    rules = {one.rule: one for one in plan.times}
    render = rules["world_render"]
    assert (render.jobs, render.source) == (2, "estimated")
    assert render.seconds == pytest.approx(2 * 2 + 0.1 * 6 * 4 * 30 / render.threads)
    # 7 controls of 4 windows and 8 steps, and the features of 3 horizons of 4 and 8 windows, on two cores.
    assert rules["metrics_score"].seconds == 2 + (7 * 4 * 8 * 0.5 + 7 * 3 * (4 + 8)) / 2
    assert rules["metrics_score"].core_s == 2 * rules["metrics_score"].seconds
    decoder = rules["decoder_train"]
    assert (decoder.seconds, decoder.operations, decoder.beside_s) == (2 + 10 * 3 / 2, 10 * GIGA, 2)


class Finished:
    """An earlier run with jobs of which seconds, amount and number are known."""

    def __init__(self, name, **rules):
        self.name = name
        self.rules = rules

    def measured(self, rule):
        return self.rules.get(rule, (0.0, 0.0, 0))


def times_after(workload, *runs):
    return {one.rule: one for one in Clock(workload, runs, RATES, GIGA, cores=2).rules(JOBS)}


def test_the_same_work_takes_what_it_took(workload):
    frames = 4 * 4 * 30 + 2 * 4 * 30
    rules = times_after(workload, Finished("demo", world_render=(50.0, frames, 2), decoder_train=(1.0, 10 * GIGA, 1)))
    assert (rules["world_render"].seconds, rules["world_render"].source) == (50.0, "run demo")
    assert (rules["decoder_train"].seconds, rules["decoder_train"].core_s) == (1.0, 2.0)
    assert rules["metrics_score"].source == "estimated"


def test_other_work_is_scaled_without_the_start_of_the_jobs(workload):
    rules = times_after(workload, Finished("half", decoder_train=(32.0, 5 * GIGA, 1)))
    assert rules["decoder_train"].seconds == 2 + 2 * 30
    assert rules["decoder_train"].source == "run half, operations x 2"


def test_the_run_that_is_most_alike_is_taken(workload):
    small, like, large = (
        Finished(name, decoder_train=(seconds, share * 10 * GIGA, 1))
        for name, seconds, share in (("small", 5.0, 0.01), ("like", 40.0, 1.2), ("large", 900.0, 30))
    )
    assert times_after(workload, small, like, large)["decoder_train"].source.startswith("run like")


def test_a_run_that_hardly_did_more_than_start_says_nothing_of_a_larger_one(workload):
    """9 s, of which 2 are the start, are no reason to expect 700 s of a hundred times the work."""
    tiny = Finished("tiny", decoder_train=(9.0, 0.1 * GIGA, 1))
    assert times_after(workload, tiny)["decoder_train"].source == "estimated"
    long_enough = Finished("longer", decoder_train=(10.0, 0.1 * GIGA, 1))
    assert times_after(workload, tiny, long_enough)["decoder_train"].source.startswith("run longer")


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
    assert "decoder_train 2,778 h of 1.0 h" in runtime
    failed = replace(plan, clips=replace(plan.clips, failed=("a.mp4",), looked_at=4))
    assert warnings_of(failed)[0].startswith("1 of 4 headers looked at cannot be read, e.g. a.mp4")


def test_text_of_numbers():
    assert size(1_234_500_000_000) == "1.23 TB"
    assert size(234_500_000) == "234.5 MB"
    assert [duration(s).strip() for s in (5, 90, 7200, 4_000_000)] == ["5.0 s", "1.5 min", "2.0 h", "1,111 h"]
    assert operations(1.5e15) == "1.5 PFLOP"
    assert table(("a", "b"), [("x", "1"), ("", ""), ("yy", "22")], "l") == "a    b\n--  --\nx    1\n--  --\nyy  22"


def test_report_says_everything_and_is_narrow(plan):
    text = report(plan, "title")
    assert max(map(len, text.splitlines())) <= 140
    for one in plan.times:
        assert one.rule in text
    for word in ("measured", "counted", "assumed", "estimated", "No warnings."):
        assert word in text


def test_command(capsys, tmp_path, make_video, monkeypatch):
    # Quick: nothing is imported to time the start of a job, nothing is timed more than once, one sampler.
    monkeypatch.setattr("lamo.tools.plan.rates.START", "pass")
    monkeypatch.setattr("lamo.tools.plan.pieces.ENOUGH_S", 0.0)
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
    assert {one["source"] for one in facts["rules"]} == {"estimated"}
    assert not (tmp_path / "results").exists()


def test_several_configurations_are_taken_in_their_order():
    assert _parse(["--config", "a.yaml", "b.yaml", "--sample", "3"]).config == ["a.yaml", "b.yaml"]
    assert _parse([]).config == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config", "missing.yaml"], "missing.yaml: not found"),
        (["--videos", "nowhere"], "videos.root nowhere: found nothing"),
        (["--clips", "train=1", "val=1"], "without --seconds"),
        (["--clips", "train=1", "--seconds", "40"], "expected a count for each split"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(LamoError, match=message):
        main(arguments)
