"""Decoding a 720p clip to 5 frames of 224 x 224 per second, compared with the ffmpeg command line.

python -m benchmarks.decode [--clip VIDEO] [--rounds N]

Prints a Markdown table. Both run in turns, pinned to the same core. Our time covers the whole way: decoding in a child
process and moving the frames into the parent's memory. ffmpeg writes its frames to /dev/null.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import av

from benchmarks.moving_clip import write_clip
from benchmarks.timing import table
from lamo.video.config import FramesConfig
from lamo.video.sandbox import Sandbox

CONFIG = FramesConfig(height=224, width=224, min_frames=1)
CLIP_S = 40.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def ffmpeg_command(clip: Path, frames: bool = True) -> list[str]:
    """The reference: the same frames made by ffmpeg's own filters. With `frames` false it only decodes."""
    start = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-threads", "1", "-filter_threads", "1", "-i", str(clip), "-an"]
    if not frames:
        return [*start, "-f", "null", "-"]
    size = f"{CONFIG.width}:{CONFIG.height}"
    cover = f"scale={size}:force_original_aspect_ratio=increase:flags=area,crop={size}"
    return [*start, "-vf", f"fps={CONFIG.rate_hz:g},{cover}", "-pix_fmt", "rgb24", "-f", "rawvideo", "/dev/null"]


def cpu_s(pid: int) -> float:
    """Processor time that a running process has used so far; s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def peak_mb(pid: int | str) -> float:
    """The most memory that a running process has had at once; MB of 10^6 bytes."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def measured(work: Callable[[], object], children: Callable[[], float]) -> tuple[float, float]:
    """Wall and processor time of `work` [s]; the processor time of other processes, `children`, is added."""
    wall, own, others = time.perf_counter(), time.process_time(), children()
    work()
    return time.perf_counter() - wall, time.process_time() - own + children() - others


def finished_children() -> float:
    """Processor time of all child processes that have ended; s."""
    times = os.times()
    return times.children_user + times.children_system


def one_core(clip: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor time of each way of decoding [s], measured in turns on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found: dict[str, list] = {"ours": [], "ffmpeg": [], "floor": []}
    with Sandbox(CONFIG) as sandbox:
        decoded = sandbox.decode(clip)
        if decoded.status == "quarantined":
            sys.exit(f"{clip}: {decoded.reason}")
        for _ in range(rounds):
            found["ours"].append(measured(lambda: sandbox.decode(clip), lambda: cpu_s(sandbox.pid)))
            for name, frames in (("ffmpeg", True), ("floor", False)):
                command = ffmpeg_command(clip, frames)
                found[name].append(measured(lambda c=command: subprocess.run(c, check=True), finished_children))
    return found


@dataclass(frozen=True)
class Work:
    """What one worker took: wall and processor time for a clip [s], peak memory of itself and of its child [MB]."""

    wall_s: float
    processor_s: float
    own_mb: float
    child_mb: float


def worker(clip: Path, core: int, rounds: int) -> Work:
    """Do the work of one job, on one core.

    Waits for a line on standard input before the part that is measured, so that several workers begin together.
    """
    import pandas as pd

    from lamo.video.shards import decode_shard

    os.sched_setaffinity(0, {core})
    with tempfile.TemporaryDirectory() as folder, Sandbox(CONFIG) as sandbox:
        part = {"split": "train", "bytes": 0, "shard": 0, "start_share": 0.0, "end_share": 1.0, "lead_s": 0.0}
        part["fingerprint"] = ""
        found = pd.DataFrame([{"id": str(index), "path": str(clip), **part} for index in range(2)])
        decode_shard(found, CONFIG, Path(folder) / "0.zarr", Path(folder) / "0.json", check_nothing)
        sandbox.decode(clip)
        print("ready", flush=True)
        sys.stdin.readline()
        wall, processor = measured(lambda: [sandbox.decode(clip) for _ in range(rounds)], lambda: cpu_s(sandbox.pid))
        return Work(wall / rounds, processor / rounds, peak_mb("self"), peak_mb(sandbox.pid))


def check_nothing(path: str, listed: str) -> None:
    """In place of the check that a clip is still as it was listed."""


def workers(clip: Path, cores: list[int], rounds: int) -> list[Work]:
    """Several workers at the same time, one on each core."""
    command = [sys.executable, "-m", "benchmarks.decode", "--clip", str(clip), "--rounds", str(rounds), "--worker"]
    pipes = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "text": True,
        "env": {**os.environ, "TQDM_DISABLE": "1"},
    }
    started = [subprocess.Popen([*command, str(core)], **pipes) for core in cores]
    for process in started:
        process.stdout.readline()
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    return [Work(**json.loads(process.communicate()[0])) for process in started]


def scaling(clip: Path, cores: list[int], rounds: int) -> tuple[dict[str, list[float]], list[Work]]:
    """Speed of two workers on two cores relative to one, by wall and by processor time; and what every worker took."""
    gains, done = {"wall_s": [], "processor_s": []}, []
    for turn in range(rounds):
        alone = workers(clip, [cores[turn % 2]], 2)
        both = workers(clip, cores[:2], 2)
        for clock, values in gains.items():
            values.append(sum(getattr(alone[0], clock) / getattr(one, clock) for one in both))
        done += alone + both
    return gains, done


def measure(folder: Path, rounds: int, clip: Path | None = None) -> str:
    """The table for `clip`, or for a clip that is made in `folder`, as Markdown. Needs the ffmpeg command line."""
    if shutil.which("ffmpeg") is None:
        return "The ffmpeg command line, the reference of this benchmark, is not installed: nothing measured."
    cores = sorted(os.sched_getaffinity(0))
    name = clip.name if clip else f"a made clip of 1280 x 720, 30 frames per second, {CLIP_S:g} s"
    clip = clip or write_clip(folder / "clip.mp4", CLIP_S)
    version = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.split()[2]
    try:
        found = one_core(clip, rounds)
    finally:
        os.sched_setaffinity(0, cores)
    rows = []
    for index, kind in enumerate(("wall", "processor")):
        ratios = [theirs[index] / ours[index] for ours, theirs in zip(found["ours"], found["ffmpeg"], strict=True)]
        rows.append(_row(f"speed relative to ffmpeg, one core, {kind} time", ratios, "at least 0.95", 3))
    for key, label in (("ours", "ours"), ("ffmpeg", "ffmpeg"), ("floor", "ffmpeg, decoding alone")):
        rows.append(_row(f"{label}: processor time of the clip, s", [times[1] for times in found[key]]))
    if len(cores) > 1:
        gains, done = scaling(clip, cores, rounds)
        rows.append(_row("two workers on two cores relative to one, wall time", gains["wall_s"], "at least 1.9"))
        rows.append(_row("the same, processor time", gains["processor_s"]))
        rows.append(
            _row("memory of a worker, both processes, MB", [w.own_mb + w.child_mb for w in done], "at most 400", 0)
        )
        rows.append(_row("of it the process that decodes, MB", [work.child_mb for work in done], "", 0))
    megabytes = f"{clip.stat().st_size / 1e6:.1f} MB"
    frames = f"{CONFIG.rate_hz:g} frames of {CONFIG.width} x {CONFIG.height} per second"
    versions = f"ffmpeg {version} and PyAV {av.__version__}"
    heading = f"Decoding {name}, {megabytes}, to {frames}; {versions} in turns, {rounds} rounds."
    return heading + "\n\n" + table(["decoding", "median", "smallest to largest", "target"], rows)


def _row(name: str, values: list[float], target: str = "", digits: int = 2) -> list[str]:
    spread = f"{min(values):.{digits}f} to {max(values):.{digits}f}"
    return [name, f"{statistics.median(values):.{digits}f}", spread, target]


def main() -> None:
    """Print the table, or be one of the workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, help="video to decode; by default one is made, 40 s of 4 Mbit/s")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker", type=int, metavar="CORE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        print(json.dumps(asdict(worker(options.clip, options.worker, options.rounds))))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(measure(Path(folder), options.rounds, options.clip))


if __name__ == "__main__":
    main()
