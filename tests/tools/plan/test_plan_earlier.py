"""What is read of earlier runs: their benchmark files, records and clips."""

import json

import pandas as pd
import pytest

from lamo.jobs.code_hash import ROOT
from lamo.jobs.provenance import device
from lamo.tools.overlay import read_raw
from lamo.tools.plan.earlier import earlier_runs

RENDER = ("01_frames", "world_render.train", "world_render", {"split": "train"})
FRAMES = 3 * 4 * 30


@pytest.fixture
def tiny_raw():
    return read_raw([ROOT / "config" / "tiny.yaml"])


def write_job(run, job, config, seconds=12.5, outputs=(), **made_on):
    stage, stem, rule, wildcards = job
    record = {"rule": rule, "wildcards": wildcards, "config": config, "device": {**device(1), **made_on}}
    record["outputs"] = {f"results/{run.name}/{output}": "hash" for output in outputs}
    for folder in ("provenance", "benchmarks"):
        (run / folder / stage).mkdir(parents=True, exist_ok=True)
    (run / "provenance" / stage / f"{stem}.json").write_text(json.dumps(record))
    (run / "benchmarks" / stage / f"{stem}.tsv").write_text(f"s\th:m:s\tcpu_time\n{seconds}\t0:00:12\t1.0\n")


def write_clips(run):
    (run / "01_frames").mkdir(parents=True)
    row = {"path": "a.mov", "duration_s": 4.0, "source_fps": 30.0, "width": 128, "height": 64, "frames": 20}
    pd.DataFrame([{**row, "split": "train"}] * 3 + [{**row, "split": "val"}]).to_parquet(
        run / "01_frames/clips.parquet"
    )


def test_jobs_with_their_work(tmp_path, tiny_raw):
    write_clips(tmp_path / "a")
    write_job(tmp_path / "a", RENDER, tiny_raw)
    (run,) = earlier_runs(tmp_path)
    assert run.name == "a"
    # Of the clips that the run had, not of those that the configuration says.
    assert run.measured("world_render") == (12.5, FRAMES, 1)
    assert run.measured("decoder_train") == (0.0, 0.0, 0)


def test_a_training_that_was_interrupted_took_all_its_attempts(tmp_path, tiny_raw):
    write_clips(tmp_path / "a")
    log = tmp_path / "a" / "04_decoder" / "log.parquet"
    log.parent.mkdir()
    pd.DataFrame({"step": [0, 1, 2], "minutes": [0.5, 2.0, None]}).to_parquet(log)
    job = ("04_decoder", "decoder_train", "decoder_train", {})
    write_job(tmp_path / "a", job, tiny_raw, outputs=["04_decoder/log.parquet", "04_decoder/model.safetensors"])
    seconds, operations, count = earlier_runs(tmp_path)[0].measured("decoder_train")
    assert (seconds, count) == (120.0, 1)
    assert operations > 0


def test_what_says_nothing_of_this_machine_or_this_code_is_left_out(tmp_path, tiny_raw):
    assert earlier_runs(tmp_path / "nowhere") == []
    write_job(tmp_path / "elsewhere", RENDER, tiny_raw, cpu="another")
    write_job(tmp_path / "gpu", RENDER, tiny_raw, gpus=["a GPU"])
    assert earlier_runs(tmp_path) == []
    write_clips(tmp_path / "old")
    write_job(tmp_path / "old", RENDER, {**tiny_raw, "key_of_another_version": 1})
    (run,) = earlier_runs(tmp_path)
    assert run.measured("world_render") == (0.0, 0.0, 0)


def test_a_run_without_its_clips_says_nothing(tmp_path, tiny_raw):
    write_job(tmp_path / "a", RENDER, tiny_raw)
    assert earlier_runs(tmp_path)[0].measured("world_render") == (0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("benchmarks/01_frames/world_render.train.tsv", "s\n", "world_render.train.tsv: expected a column s"),
        ("provenance/01_frames/world_render.train.json", '{"rule": "wor', "world_render.train.json: not valid JSON"),
    ],
)
def test_a_damaged_file_is_left_out_and_named(tmp_path, tiny_raw, file, content, words):
    write_clips(tmp_path / "a")
    write_job(tmp_path / "a", RENDER, tiny_raw)
    write_job(tmp_path / "a", ("01_frames", "world_render.val", "world_render", {"split": "val"}), tiny_raw)
    (tmp_path / "a" / file).write_text(content)
    (run,) = earlier_runs(tmp_path)
    assert words in run.unread[0]
    assert [job.wildcards for job in run.jobs] == [{"split": "val"}]
