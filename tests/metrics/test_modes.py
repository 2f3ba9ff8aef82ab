"""The ways of futures at forks: true ones are recognised, also where they are blurred, and shares are counted."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from lamo.dataset.world_drives import ForkLabels, WorldDrives
from lamo.errors import LamoError
from lamo.metrics.modes import TRUTH, Fork, find_forks, measure_modes
from lamo.report.modes_table import modes_csv, modes_markdown
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.fork_windows import rollout_windows
from lamo.rollout.ideal_futures import Branching
from lamo.stores.rollouts import Rollouts, Window
from lamo.video.config import FramesConfig
from lamo.world.forks import WAYS
from lamo.world.labels import labels
from lamo.world.simulation import WorldConfig, clip_id, clip_seed, simulate

SHARES = {"junction": "junctions", "light": "lights", "lead": "leads"}
CONFIG = RolloutsConfig(windows_per_clip=1, fork_windows=1)


def forks_of(kind: str, folder) -> tuple[list[Window], Branching, list[Fork]]:
    """Windows of four drives of a kind, and what is found at their forks."""
    world = WorldConfig(seconds=8.0, choice_seconds=20.0, forks={SHARES[kind]: 1.0})
    names = [clip_id("val", index) for index in range(4)]
    tables = [labels(simulate(world, clip_seed(world, "val", index)), name) for index, name in enumerate(names)]
    pd.concat(tables).to_parquet(folder / "val.parquet")
    found = pd.DataFrame({"id": names, "path": [f"{name}.mov" for name in names]})
    known = ForkLabels([folder / "val.parquet"], found)
    windows = rollout_windows(dict.fromkeys(names, 40), CONFIG, 5.0, 3, known)
    branching = Branching(world, WorldDrives(found), FramesConfig(), history=3, steps=8)
    return windows, branching, find_forks(windows, branching, known)


@pytest.mark.parametrize("kind", WAYS)
def test_other_true_futures_are_recognised_also_when_they_are_blurred(kind, tmp_path):
    windows, branching, forks = forks_of(kind, tmp_path)
    assert 1 <= len(forks) < len(windows)
    right, right_blurred, clear, clear_blurred = [], [], [], []
    for fork in forks:
        assert fork.kind == kind
        drives = branching.futures(fork.window, 10)
        number = next(
            i for i, frame in enumerate(drives[0].forks.frame) if frame > branching.source_frames(fork.window)[0]
        )
        ways = np.array([drive.forks.way[number] for drive in drives])
        frames = np.stack([branching.pictures(drive, fork.window) for drive in drives])
        found, clearly = fork.ways_of(frames)
        right += list(found == ways)
        clear += list(clearly)
        found, clearly = fork.ways_of(gaussian_filter(frames, (0, 0, 1.5, 1.5, 0)))
        right_blurred += list(found == ways)
        clear_blurred += list(clearly)
    # Now and then a car brakes for another reason just then.
    assert np.mean(right) > 0.95
    assert np.mean(right_blurred) > 0.9
    assert np.median(clear) > 0.8
    assert np.median(clear_blurred) < np.median(clear) - 0.1


def made_fork(row: int, clip: str, taken: int) -> Fork:
    """A fork whose three ways are grey of 0, 100 and 200, at the last of four steps."""
    frames = np.repeat([0, 100, 200], 2).astype(np.uint8)[:, None, None, None, None] * np.ones(
        (1, 1, 2, 2, 3), np.uint8
    )
    return Fork(row, Window(clip, 0), "junction", taken, np.array([3]), frames, np.repeat([0, 1, 2], 2))


def greys(*windows: list[int]) -> Rollouts:
    """Rollouts of futures that end in a grey."""
    frames = np.zeros((len(windows), len(windows[0]), 4, 2, 2, 3), np.uint8)
    frames[:, :, 3] = np.array(windows)[..., None, None, None]
    nothing = np.full(frames.shape[:3], np.nan)
    places = [Window(clip, 0) for clip in "axb"]
    return Rollouts(frames, nothing, nothing, nothing[:, 0], places, deterministic=len(windows[0]) == 1)


@pytest.fixture
def found():
    forks = [made_fork(0, "a", 0), made_fork(2, "b", 2)]
    sets = [
        ("persistence_pixels", "-", None, greys([60], [0], [150])),
        ("flow", "flow-2", 0, greys([0, 100, 90, 210], [0] * 4, [180, 200, 190, 150])),
        ("flow", "flow-2", 1, greys([10, 5, 5, 5], [0] * 4, [200, 100, 0, 120])),
    ]
    return measure_modes(forks, sets, 200)


def test_shares_are_counted_over_windows_samples_and_seeds(found):
    mean = {(one.label, one.measure): one.interval.mean for one in found}
    assert [mean[TRUTH, way] for way in WAYS["junction"]] == [0.5, 0.0, 0.5]
    assert mean[TRUTH, "as it happened"] == 1.0
    # 150 is as near to the second way as to the third.
    assert [mean["flow-2", way] for way in WAYS["junction"]] == [6 / 16, 5 / 16, 5 / 16]
    assert mean["flow-2", "as it happened"] == (1 + 3 + 4 + 1) / 16
    assert mean["flow-2", "ways"] == (3 + 2 + 1 + 3) / 4
    assert np.isnan(mean["persistence_pixels", "ways"])
    assert mean["persistence_pixels", "clearly"] == pytest.approx(((1 - 40 / 60) + 0) / 2)
    assert list(dict.fromkeys(one.label for one in found)) == [TRUTH, "flow-2", "persistence_pixels"]


def test_rollouts_of_other_windows_are_refused():
    with pytest.raises(LamoError, match="rollouts of flow-2: found other windows than those of the truth"):
        measure_modes([made_fork(1, "a", 0)], [("flow", "flow-2", 0, greys([0], [0], [0]))], 50)


def test_tables_have_a_row_for_the_truth_and_every_row_of_the_run(found):
    lines = list(csv.DictReader(io.StringIO(modes_csv(found))))
    assert len(lines) == 3 * 6
    assert next(line for line in lines if line["row"] == "flow-2")["n_samples"] == "4"
    text = modes_markdown(found, "test")
    assert "| junction, 2 windows of 2 clips | left | straight | right | as it happened | ways | clearly |" in text
    assert "| truth | 0.50" in text
    assert "n/a" in text
    assert "no window" in modes_markdown([], "test")
