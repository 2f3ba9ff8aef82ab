"""The probe on made clips whose motion tokens are known: level 0 tells the motion, level 1 does not."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lamo.dataset.ego_motion import motion_of_drives
from lamo.dataset.tables import write_table
from lamo.errors import LamoError
from lamo.metrics.config import BootstrapConfig
from lamo.probing.clip_sample import open_enough
from lamo.probing.ego_motion import EgoMotion
from lamo.probing.probe import ProbeClips, Score, of_others, run_probe, step_inputs
from lamo.report.probe_figure import probe_figure
from lamo.report.probe_table import COLUMNS, probe_csv, probe_markdown
from lamo.statistics.intervals import ClipBootstrap
from lamo.stores.frames import FramesStore, FramesWriter
from lamo.stores.latents import LatentsStore, LatentsWriter

GRID, FRAMES, RATE = (2, 4), 21, 5.0
BOOTSTRAP = BootstrapConfig(resamples=200)


def drive(index: int) -> pd.DataFrame:
    """Labels of 30 per second: speed and yaw rate that differ from drive to drive and change within."""
    t, generator = np.arange(round(FRAMES / RATE * 30)) / 30, np.random.default_rng(index)
    speed = 5 + 3 * generator.normal() + 2 * np.sin(t * generator.uniform(0.5, 2))
    yaw = 0.1 * np.sin(t * generator.uniform(1, 3) + generator.uniform(0, 6))
    return pd.DataFrame({"clip": f"drive-{index:02d}", "time_s": t, "speed": speed, "yaw_rate": yaw})


class Made:
    """Splits of made clips in two shards each: latents, frames, true motion."""

    def __init__(self, folder, clips: dict[str, list[int]]) -> None:
        self.folder, self.clips, self.opened = folder, clips, []
        rows = []
        for split, indices in clips.items():
            pd.concat([drive(i) for i in indices]).to_parquet(folder / f"{split}.parquet")
            rows += [{"id": f"{split}/drive-{i:02d}", "path": f"/videos/{split}/drive-{i:02d}.mov"} for i in indices]
        labels = [folder / f"{split}.parquet" for split in clips]
        write_table(folder / "motion.parquet", motion_of_drives(labels, pd.DataFrame(rows)))
        self.truth = EgoMotion(folder / "motion.parquet")
        for split, indices in clips.items():
            for shard in range(2):
                self.write(split, shard, indices[shard::2])

    def write(self, split: str, shard: int, indices: list[int]) -> None:
        times = np.arange(FRAMES) / RATE
        mixing = np.random.default_rng(99).normal(size=(2, 6))
        with (
            FramesWriter(*self.paths(split, shard, "frames"), 2, 4) as frames,
            LatentsWriter(*self.paths(split, shard, "latents"), GRID, (0,)) as latents,
        ):
            for index in indices:
                generator, true = np.random.default_rng([7, index]), self.truth.of(f"{split}/drive-{index:02d}", times)
                motion = generator.normal(size=(FRAMES, 2, 3, 2)).astype(np.float32)
                motion[:-1, 0] = (true * [0.3, 10] @ mixing + 0.05 * generator.normal(size=(20, 6))).reshape(20, 3, 2)
                motion[-1] = 1000  # of no step: must not be read
                frames.add_clip(f"{split}/drive-{index:02d}", np.zeros((FRAMES, 2, 4, 3), np.uint8), times)
                latents.add_clip(
                    f"{split}/drive-{index:02d}", generator.normal(size=(FRAMES, 8, 5)).astype(np.float32), motion
                )

    def paths(self, split: str, shard: int, kind: str):
        return self.folder / f"{kind}-{split}-{shard}.zarr", self.folder / f"{kind}-{split}-{shard}.manifest.json"

    def stores(self, split: str):
        for shard in range(2):
            self.opened.append(shard)
            yield LatentsStore(*self.paths(split, shard, "latents")), FramesStore(*self.paths(split, shard, "frames"))

    def probe_clips(self, split: str, clips: int = 300) -> ProbeClips:
        return ProbeClips(self.stores(split), self.truth, split, clips)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return Made(tmp_path_factory.mktemp("probe"), {"train": list(range(24)), "val": list(range(24, 34))})


@pytest.fixture(scope="module")
def probe(made):
    return run_probe(made.probe_clips("train"), made.probe_clips("val"), BOOTSTRAP)


@pytest.mark.parametrize("target", ["speed", "yaw_rate"])
def test_motion_is_read_where_it_is_and_nowhere_else(probe, target):
    for inputs in ("motion_all", "motion_level_0"):
        r2 = probe.row(inputs, target).r2
        assert 0.97 < r2.low <= r2.mean <= r2.high <= 1
    for inputs in ("motion_level_1", "motion_shuffled", "state_mean", "state_regions"):
        r2 = probe.row(inputs, target).r2
        assert r2.mean < 0.05
        assert r2.low <= r2.mean <= r2.high


def test_numbers_are_of_the_held_out_steps(probe):
    assert (probe.fitted, probe.held_out) == ((24, 480), (10, 200))
    error = np.square(probe.predicted - probe.true)
    for column, target in enumerate(("speed", "yaw_rate")):
        row = probe.row("motion_all", target)
        assert row.rmse == pytest.approx(np.sqrt(error[:, column].mean()))
        assert row.r2.mean == pytest.approx(1 - error[:, column].mean() / probe.true[:, column].var())
    assert (probe.row("motion_all", "speed").features, probe.row("motion_level_1", "speed").features) == (12, 6)
    assert (probe.row("state_mean", "speed").features, probe.row("state_regions", "speed").features) == (5, 40)


def test_is_the_same_every_time(made, probe):
    again = run_probe(made.probe_clips("train"), made.probe_clips("val"), BOOTSTRAP)
    assert probe_csv(again) == probe_csv(probe)


def test_only_as_many_clips_and_shards_are_read_as_asked_for(made):
    made.opened.clear()
    clips = made.probe_clips("train", 6)
    assert made.opened == [0]
    read = [clip.clip_id for clip in clips]
    assert read == [f"train/drive-{i:02d}" for i in (2, 6, 10, 14, 18, 22)]
    made.probe_clips("train", 13)
    assert made.opened == [0, 0, 1]


def test_lone_clips_give_numbers_without_intervals(made, caplog):
    found = run_probe(made.probe_clips("train", 1), made.probe_clips("val", 1), BOOTSTRAP)
    assert "one training clip only" in caplog.text
    assert np.isfinite(found.row("motion_all", "speed").r2.mean)
    assert np.isnan(found.row("motion_all", "speed").r2.low)


def test_labels_of_others_are_those_of_the_next_clip():
    values = [np.full((n, 2), fill) for n, fill in ((3, 1.0), (5, 2.0), (4, 3.0))]
    found = of_others(values)
    assert [one.shape for one in found] == [(3, 2), (5, 2), (4, 2)]
    assert [set(one.ravel()) for one in found] == [{2.0}, {3.0}, {1.0}]
    lone = np.arange(8.0).reshape(4, 2)
    np.testing.assert_array_equal(of_others([lone])[0][:, 0], [4, 6, 0, 2])


def test_inputs_are_what_their_names_say():
    generator = np.random.default_rng(0)
    motion, state = generator.normal(size=(3, 2, 4, 5)), generator.normal(size=(3, 24, 7))
    inputs = step_inputs(motion, state, (4, 6))
    assert list(inputs) == ["motion_all", "motion_level_0", "motion_level_1", "state_mean", "state_regions"]
    np.testing.assert_allclose(inputs["motion_level_1"], motion[:, 1].reshape(3, 20), rtol=1e-6)
    np.testing.assert_allclose(inputs["state_mean"], state.mean(axis=1), rtol=1e-5, atol=1e-6)
    regions = inputs["state_regions"].reshape(3, 7, 2, 5)
    top_left = state.reshape(3, 4, 6, 7)[:, :2, :2].mean(axis=(1, 2))
    np.testing.assert_allclose(regions[:, :, 0, 0], top_left, rtol=1e-5, atol=1e-6)


def test_clips_whose_motion_is_not_known_are_named(made):
    with pytest.raises(LamoError, match=r"motion\.parquet: found no motion of clip val/other"):
        made.truth.of("val/other", np.array([0.0, 0.2]))
    with pytest.raises(LamoError, match=r"train/drive-00 has frames from 0 to 9 s, found its motion from 0 to 4\.1"):
        made.truth.of("train/drive-00", np.array([0.0, 9.0]))


def test_a_target_that_does_not_vary_has_no_r2():
    values = [np.column_stack([np.full(4, 0.1), np.arange(4.0) + i]) for i in range(5)]
    score = Score(values, ClipBootstrap([str(i) for i in range(5)], 100, 0))
    assert np.isnan(score.of(np.ones(5), 0)[0].mean)
    perfect, rmse = score.of(np.zeros(5), 1)
    assert (perfect.mean, perfect.low, perfect.high, rmse) == (1.0, 1.0, 1.0, 0.0)


def test_stores_without_clips_are_refused():
    with pytest.raises(LamoError, match="hold no clips"):
        open_enough([[], []], 3)


def test_tables(probe):
    rows = list(csv.DictReader(io.StringIO(probe_csv(probe))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["input"] for row in rows[::2]] == [
        *("motion_all", "motion_level_0", "motion_level_1", "state_mean", "state_regions", "motion_shuffled")
    ]
    assert {(row["n_clips"], row["n_steps"]) for row in rows} == {("10", "200")}
    text = probe_markdown(probe, "some run")
    lines = text.splitlines()
    assert lines[0] == "| regression on | features | speed R² | RMSE (m/s) | yaw rate R² | RMSE (rad/s) |"
    assert lines[2].startswith("| motion tokens, all levels | 12 | 1.00 [")
    assert "some run: linear (ridge) regression" in text
    assert "fitted on 480 steps of 24 training clips, scored on 200 steps of 10 held-out clips" in text


def test_figure_shows_every_step_and_is_the_same_every_time(probe, tmp_path):
    for name in ("a.png", "b.png"):
        probe_figure(tmp_path / name, probe)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size[0] == round(10.4 * 130)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
