"""The study of ablations run on a tiny run whose models are not trained: jobs, tables and page."""

import csv
import json

import numpy as np
import pytest
from ablation_cases import HISTORY, MIXTURE, STUDY, call, read
from PIL import Image

from lamo.errors import LamoError
from lamo.rollout.windows import ClipFrames
from lamo.statistics.intervals import ClipBootstrap
from lamo.stores.frames import open_frames
from studies.ablations import __main__ as program
from studies.ablations import work, worlds
from studies.ablations.plan import make_plan
from studies.common import merged


def test_study_runs_resumes_and_writes_its_page(study, tmp_path, monkeypatch, finished):
    file, page = study(), tmp_path / "page.md"
    assert call(file, "--docs", str(page)) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Ablations")
    assert "![Every row less its reference](images/page.png)" in text
    with Image.open(tmp_path / "images" / "page.png") as picture:
        assert picture.width > 1000
        assert len(picture.getcolors(1 << 20)) > 10
    facts = "4 windows of 2 held-out clips, 2 samples each; trained for 4 steps of 4 windows, seed 0, 1. "
    assert text.count(facts) == 3
    for row in (
        "| k3 | three | flow-2 |",
        "| k0 | none | flow-2 |",
        "| heun | Heun | flow-1-heun |",
        "| m2 | two | gmm |",
    ):
        assert row in text
    assert text.count("| control | constant motion |") == 3
    folder = finished / "results" / "studies" / "ablations" / "tiny"
    # k3, m2, k0, k4 with two seeds each: the solvers sample the predictor of k3.
    assert len(list((folder / "models").iterdir())) == 8
    assert not list((folder / "models").rglob("checkpoints"))
    with (folder / "ablations.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    ours = [row for row in rows if row["variant"] == "k0" and row["metric"] == "psnr"]
    assert [row["horizon_s"] for row in ours] == ["0.2", "0.6", "1.6"]
    assert {(row["reference"], row["seeds"], row["windows"]) for row in ours} == {("k3 flow-2", "2", "4")}
    monkeypatch.setattr(program, "run_job", lambda job: pytest.fail(f"computed again: {job.label}"))
    page.write_text(text.replace("| k3 | three |", "| old |") + "\nadded by hand\n", encoding="utf-8")
    assert call(file, "--groups", "solver", "--docs", str(page)) == 0
    assert "| old |" in page.read_text(encoding="utf-8"), "a group that was not asked for is left as it is"
    assert call(file, "--docs", str(page)) == 0
    assert page.read_text(encoding="utf-8") == text + "\nadded by hand\n"
    with pytest.raises(pytest.fail.Exception):
        call(study(common={"predictors": {"flow": {"training": {"steps": 5}}}}))


def test_every_history_predicts_the_same_frames(study):
    evaluation = make_plan(read(study()), ["history"], program.RESULTS).evaluation
    clips = ClipFrames(open_frames(*worlds.stores(evaluation.frames, work.FRAMES, "val")))
    targets = []
    for history in (4, 3, 0):
        windows, plan = evaluation.windows(clips, history), evaluation.plan(history)
        targets.append(clips.read(windows, history + 1, plan.length))
    assert targets[0].shape == (4, 8, 16, 32, 3)
    assert (targets[1] == targets[0]).all()
    assert (targets[2] == targets[0]).all()


def test_differences_are_those_of_windows_and_seeds(study):
    file = study(groups=[HISTORY])
    assert call(file) == 0
    plan = make_plan(read(file), ["history"], program.RESULTS)
    scores = [
        np.stack([json.loads(job.file("flow-2").read_text())["scores"]["psnr"] for job in plan.trainings[name]], axis=1)
        for name in ("k0", "k3")
    ]
    assert scores[0].shape == (4, 2, 3)
    expected = ClipBootstrap(["a", "a", "b", "b"], 100, 0).means(scores[0] - scores[1], seeded=True)
    with (plan.folder / "ablations.csv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if (row["variant"], row["metric"]) == ("k0", "psnr")]
    for row, interval in zip(rows, expected, strict=True):
        found = [float(row[name]) for name in ("difference", "difference_low", "difference_high")]
        assert found == pytest.approx([interval.mean, interval.low, interval.high], rel=1e-4)


def test_processes_side_by_side_give_the_same_numbers(study, monkeypatch, finished):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    file = study(groups=[MIXTURE], seeds=[3, 4])
    numbers = []
    for threads in ("1", "2"):
        assert call(file, "--threads", threads) == 0
        jobs = make_plan(read(file), ["mixture"], program.RESULTS).jobs
        scores = [job.file(row) for job in jobs for row in job.rows]
        numbers.append([json.loads(one.read_text())["scores"] for one in scores])
        for path in (*scores, *(job.model / "facts.json" for job in jobs if job.predictor)):
            path.unlink()
    assert numbers[0] == numbers[1]
    assert numbers[0][-1] != numbers[0][-2]


def test_a_variant_that_fails_leaves_the_others(study, monkeypatch, capsys, caplog):
    settings = merged(STUDY, {"seeds": [7], "groups": [HISTORY]})
    usual = program.run_job

    def failing(job):
        if "k4" in job.label:
            raise LamoError("flow-2: the state is not finite")
        return usual(job)

    monkeypatch.setattr(program, "run_job", failing)
    assert call(study(settings)) == 1
    assert "history k4, seed 7: error: flow-2: the state is not finite" in caplog.text
    text = capsys.readouterr().out
    assert "| k0 | none |" in text
    assert "Not finished: k4 flow-2." in text
