"""The workflow on one machine with two pretended GPUs: trainings in two processes, jobs side by side on one each."""

import json
import os
import re
import subprocess

import pandas as pd
import pytest
from workflow.conftest import ROOT

TARGETS = tuple(f"05_predictors/{name}/seed0/model.safetensors" for name in ("flow", "gmm", "state"))


@pytest.fixture(scope="module")
def on_two(workflow_in, tmp_path_factory):
    workflow = workflow_in(
        tmp_path_factory.mktemp("gpus") / "run",
        "midway={training: {mixed_precision: false}}",
    )
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0,1", "GLOO_SOCKET_IFNAME": "lo"}
    environment.pop("SLURM_JOB_ID", None)
    command = workflow.command(targets=(*TARGETS, "04_decoder/model.safetensors"))
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return workflow


def gpus(workflow, log: str) -> list[str]:
    (found,) = re.findall(r"GPUs of this job: (.*)", (workflow.results / "logs" / log).read_text())
    return found.split(", ")


def processes(workflow, record: str) -> int:
    return json.loads((workflow.results / "provenance" / record).read_text())["device"]["processes"]


def test_trainings_that_all_wait_for_take_both_gpus_in_two_processes(on_two):
    for job in ("02_midway/midway_train", "04_decoder/decoder_train"):
        assert sorted(gpus(on_two, f"{job}.log")) == ["0", "1"]
        assert processes(on_two, f"{job}.json") == 2
        assert "step" in (on_two.results / "logs" / f"{job}.log").read_text(), (
            "the first process logs into the same file"
        )


def test_jobs_side_by_side_have_one_gpu_each_and_never_the_same(on_two):
    taken = {}
    for name in ("flow", "gmm", "state"):
        job = f"05_predictors/predictors_train.{name}.seed0"
        (gpu,) = gpus(on_two, f"{job}.log")
        record = json.loads((on_two.results / "provenance" / f"{job}.json").read_text())
        begin = pd.Timestamp(record["started"])
        taken[name] = gpu, begin, begin + pd.Timedelta(seconds=record["seconds"] - 1)
        assert processes(on_two, f"{job}.json") == 1
    for one in taken:
        for other in taken:
            together = taken[one][1] < taken[other][2] and taken[other][1] < taken[one][2]
            assert one == other or not together or taken[one][0] != taken[other][0]
    assert {gpu for gpu, _, _ in taken.values()} == {"0", "1"}


def test_rules_without_gpus_see_none(on_two):
    assert gpus(on_two, "01_frames/frames_decode.train.0.log") == ["none"]


def test_two_processes_lose_what_one_does(on_two, workflow_in, tmp_path):
    alone = workflow_in(tmp_path / "run", "midway={training: {mixed_precision: false}}")
    alone.run(targets=("02_midway/model.safetensors",))
    logs = [pd.read_parquet(one.results / "02_midway" / "log.parquet") for one in (alone, on_two)]
    assert logs[0]["step"].tolist() == logs[1]["step"].tolist()
    assert logs[0]["loss"].tolist() == pytest.approx(logs[1]["loss"].tolist(), rel=2e-3)
