"""Cases of the matrix of re-runs: files of the results that are touched, changed or gone."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from rerun_jobs import (
    COMPARED,
    ENCODED,
    FOUND,
    FRAMES_SHEET,
    GMM,
    GROUPS,
    MIDWAY,
    MOTION,
    NOTHING,
    ROLLED,
    ROLLED_GMM,
    SCORED_GMM,
    SUMMARY,
    TABLE,
    TRAINED,
    changed,
)


def touch_everything(results: Path) -> None:
    """A time of its own for every file and folder, in an order that has nothing to do with that of the jobs."""
    paths = [path for path in results.parents[1].rglob("*") if not path.is_symlink() and ".snakemake/" not in str(path)]
    random.Random(0).shuffle(paths)
    for number, path in enumerate(paths):
        os.utime(path, (1.9e9 + number, 1.9e9 + number))


def copy_without_times(results: Path) -> None:
    """The results as a copy leaves them that keeps no times."""
    copy = results.with_name("copy")
    shutil.copytree(results, copy, copy_function=shutil.copyfile)
    shutil.rmtree(results)
    copy.rename(results)


def flip(*names: str) -> Callable[[Path], None]:
    """Another byte in each of these files."""

    def change(results: Path) -> None:
        for name in names:
            path = results / name
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda results: (results / name).unlink()


FILES = [
    changed("all files touched", touch_everything, NOTHING),
    changed("a copy without times", copy_without_times, NOTHING),
    changed("a byte of the Midway Network", flip("02_midway/model.safetensors"), ENCODED),
    changed("a byte of the decoder", flip("04_decoder/model.safetensors"), ROLLED | GROUPS),
    changed("a byte of a predictor", flip("05_predictors/gmm/seed0/model.safetensors"), ROLLED_GMM),
    changed("a byte of the statistics", flip("03_latents/statistics.safetensors"), TRAINED | ROLLED | GROUPS),
    changed(
        "another manifest of a shard of frames", flip("01_frames/frames/val/0.manifest.json"), {*MIDWAY, *FRAMES_SHEET}
    ),
    changed("another manifest of rollouts", flip("06_rollouts/gmm/seed0/gmm.manifest.json"), ROLLED_GMM - GMM),
    changed("another manifest of single rollouts", flip("06_rollouts/gmm/seed0/gmm.single.manifest.json"), SCORED_GMM),
    changed("other scores of a row", flip("07_metrics/scores/gmm.safetensors"), SUMMARY),
    changed("another manifest of rendered videos", flip("01_frames/world/videos/val.manifest.json"), FOUND),
    changed("other labels", flip("01_frames/world/labels/val.parquet"), MOTION),
    changed("no table", remove("07_metrics/table.csv"), TABLE),
    changed("no comparisons", remove("07_metrics/comparisons.md"), COMPARED),
    changed("no logs", lambda results: shutil.rmtree(results / "logs"), NOTHING),
    changed("no benchmarks", lambda results: shutil.rmtree(results / "benchmarks"), NOTHING),
]
