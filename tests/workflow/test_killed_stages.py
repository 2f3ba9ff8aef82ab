"""Decoding and extraction, each killed at ten random moments of its work, end with the stores of an undisturbed run."""

import os
import random
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch

from lamo.midway.config import MidwayConfig
from lamo.midway.network import Midway
from lamo.world.write import write_video

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10
# What decodes in a child of its own ends with its parent, by itself, within this time.
ORPHAN_S = 2.0
LIMIT_S = 120
SHARDS = {"train": 2, "val": 1}
PLACES = [f"{split}/{shard}" for split, count in SHARDS.items() for shard in range(count)]


@dataclass(frozen=True)
class Stage:
    """What is killed: which jobs, where their stores lie, and how many at once."""

    rule: str
    stores: str
    cores: int

    @property
    def logs(self) -> str:
        return f"logs/{self.stores.partition('/')[0]}"

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(f"{self.stores}/{place}.manifest.json" for place in PLACES)


DECODING = Stage("frames_decode", "01_frames/frames", 2)
EXTRACTION = Stage("latents_encode", "03_latents/latents", 1)


@dataclass(frozen=True)
class Kill:
    """How far a run had come: seconds after the first job began, stores finished, percents that the bars showed."""

    after_s: float
    finished: int
    percents: tuple[int, ...]
    orphans: int


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, workflow_in):
    """Frames and latents of 24 videos, of a random model; and the seconds that each stage was at work."""
    base = tmp_path_factory.mktemp("killed")
    noise = np.random.default_rng(0).integers(0, 255, (75, 18, 32, 3), dtype=np.uint8)
    write_video(base / "video.mov", noise.repeat(12, axis=1).repeat(12, axis=2), fps=25, crf=30)
    for index in range(24):
        video = base / "videos" / ("val" if index % 4 == 0 else "train") / f"{index}.mov"
        video.parent.mkdir(parents=True, exist_ok=True)
        # An empty atom tells the files apart: copies of one video on both sides of the split are refused.
        video.write_bytes((base / "video.mov").read_bytes() + b"\0\0\0\x09free" + bytes([index]))
    torch.manual_seed(0)
    encoder = {"patch": 8, "width": 96, "depth": 4, "heads": 4}
    settings = {"encoder": encoder, "inverse": {"tokens": 3, "width": 24, "depth": 2, "heads": 2}}
    Midway(MidwayConfig.model_validate(settings), (32, 64)).save(base / "model")
    workflow = workflow_in(
        base / "run",
        f"videos={{root: {base / 'videos'}}}",
        "frames={height: 32, width: 64, rate_hz: 10, min_frames: 20, shards: {train: 2, val: 1}}",
        f"midway={{checkpoint: {base / 'model'}}}",
    )
    workflow.run(targets=("02_midway/model.safetensors",))
    work_s = {}
    for stage in (DECODING, EXTRACTION):
        work_s[stage] = run_and_kill(workflow, stage, LIMIT_S).after_s
        workflow.run(targets=stage.targets)
    return workflow, work_s


def contents(workflow, stage: Stage, finished_only: bool = False) -> dict[str, object]:
    """Every byte of the stores, of their manifests and of the tables beside them."""
    folder, result = workflow.results / stage.stores, {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.name == ".snakemake_timestamp":
            continue
        if finished_only and not any(
            name.startswith(f"{place}.") and (folder / f"{place}.manifest.json").exists() for place in PLACES
        ):
            continue
        result[name] = pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_bytes()
    return result


def finished(workflow, stage: Stage) -> int:
    return sum((workflow.results / target).exists() for target in stage.targets)


def run_and_kill(workflow, stage: Stage, delay_s: float) -> Kill:
    """Start the stage and kill it `delay_s` after its first job has begun, or as soon as the last store is there.

    Everything is killed but children that only decode: they must end by themselves.
    """
    logs = workflow.results / stage.logs
    for log in logs.glob(f"{stage.rule}.*"):
        log.unlink()
    output = workflow.directory / "output.txt"
    with output.open("w") as file:
        command = workflow.command("--cores", str(stage.cores), targets=stage.targets)
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, "COLUMNS": "200"}
        )
        end = time.monotonic() + LIMIT_S
        while not list(logs.glob(f"{stage.rule}.*")):
            assert process.poll() is None, output.read_text()[-4000:]
            assert time.monotonic() < end, output.read_text()[-4000:]
            time.sleep(0.01)
        began = time.monotonic()
        while process.poll() is None and finished(workflow, stage) < len(PLACES) and time.monotonic() < began + delay_s:
            time.sleep(0.005)
        after_s = time.monotonic() - began
        orphans = kill(process)
    percents = re.findall(r"(?:decoding|latents \S+): +(\d+)%", output.read_text(errors="replace"))
    return Kill(round(after_s, 2), finished(workflow, stage), tuple(map(int, percents[-2:])), orphans)


def kill(process: subprocess.Popen) -> int:
    """kill -9 of Snakemake and its jobs; the number of decoding children that were at work."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    decoding = []
    for member in children:
        try:
            if "lamo.video.sandbox" in member.cmdline():
                decoding.append(member)
        except psutil.NoSuchProcess:
            continue
    for member in [process, *(child for child in children if child not in decoding)]:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    _, left = psutil.wait_procs(decoding, timeout=ORPHAN_S)
    alive = [child for child in left if not has_ended(child)]
    for child in alive:
        child.kill()
    assert not alive, "a decoding process outlived its parent"
    psutil.wait_procs(children, timeout=10)
    return len(decoding)


def has_ended(process: psutil.Process) -> bool:
    """Also if whoever has inherited the process does not ask how it ended (in a container often nobody does)."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def killed_ten_times(workflow, stage: Stage, expected: dict[str, object], work_s: float, seed: int) -> list[Kill]:
    """Kill the stage again and again, each time going on from what the last kill left."""
    draw, kills = random.Random(seed), []
    for _ in range(KILLS):
        if finished(workflow, stage) == len(PLACES):
            shutil.rmtree(workflow.results / stage.stores)
        left = 1 - finished(workflow, stage) / len(PLACES)
        kills.append(run_and_kill(workflow, stage, draw.uniform(0.0, 0.7) * work_s * left))
        if left == 1 and kills[-1].finished == len(PLACES):  # the machine has become faster
            work_s = kills[-1].after_s
        found = contents(workflow, stage, finished_only=True)
        assert found == {name: content for name, content in expected.items() if name in found}
    return kills


@pytest.mark.parametrize(("stage", "seed"), [(DECODING, 1), (EXTRACTION, 2)], ids=["decoding", "extraction"])
def test_ten_kills_leave_no_trace(undisturbed, tmp_path, stage, seed):
    whole, work_s = undisturbed
    expected = contents(whole, stage)
    assert len(expected) > 3 * len(PLACES)
    workflow = replace(whole, directory=tmp_path / "run")
    shutil.copytree(whole.directory, workflow.directory, symlinks=True)
    shutil.rmtree(workflow.results / stage.stores)
    kills = killed_ten_times(workflow, stage, expected, work_s[stage], seed)
    print(f"\n{stage.rule}: {work_s[stage]:.1f} s of work", *kills, sep="\n")
    assert sum(kill.finished < len(PLACES) for kill in kills) >= KILLS / 2, kills
    assert sum(bool(kill.percents) for kill in kills) >= 3, kills
    if stage is DECODING:
        assert sum(kill.orphans > 0 for kill in kills) >= 3, kills
    workflow.run(targets=stage.targets)
    assert contents(workflow, stage) == expected
    assert not list(workflow.results.rglob("*.partial*"))
    assert "Nothing to be done" in workflow.run(targets=stage.targets)
