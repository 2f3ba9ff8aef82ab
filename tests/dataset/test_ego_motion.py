"""The true motion of the camera: of the world's drives, and of videos with a table of poses."""

import gzip

import numpy as np
import pandas as pd
import pytest

from lamo.dataset.ego_motion import motion_of_drives, motion_of_poses
from lamo.dataset.poses import Poses, poses_file
from lamo.dataset.tables import write_table
from lamo.errors import LamoError
from lamo.probing.ego_motion import EgoMotion
from lamo.world.labels import labels
from lamo.world.simulation import WorldConfig, simulate

FPS, FRAMES = 20, 60
DAMAGED = gzip.compress(b"file,frame,x,y,z,dx,dy,dz\n" * 99, mtime=0)[:10] + b"\xff" * 40
CLIPS = pd.DataFrame(
    {"id": ["a"], "path": ["/videos/train/a.mp4"], "source_fps": [FPS], "duration_s": [FRAMES / FPS], "frames": [15]}
)


def circle(speed: float = 12.0, yaw_rate: float = 0.8) -> pd.DataFrame:
    """Poses of a camera that turns right at a constant speed; at the start it looks along y."""
    turned = yaw_rate * np.arange(FRAMES) / FPS
    radius = speed / yaw_rate
    return pd.DataFrame(
        {
            "file": "train/a.mp4",
            "frame": np.arange(FRAMES),
            "x": radius * (1 - np.cos(turned)),
            "y": radius * np.sin(turned),
            "z": 1.5,
            "dx": np.sin(turned),
            "dy": np.cos(turned),
            "dz": -0.1,
        }
    )


def motion_of(poses: pd.DataFrame, folder, name="poses.csv.gz", clips=CLIPS) -> EgoMotion:
    path = folder / name
    poses.to_parquet(path) if name.endswith("parquet") else poses.to_csv(path, index=False)
    write_table(folder / "motion.parquet", motion_of_poses(Poses(path), clips, clips, "/videos"))
    return EgoMotion(folder / "motion.parquet")


def test_mean_speed_of_a_drive_is_its_way_over_its_time(tmp_path):
    world = simulate(WorldConfig(seconds=4.0), 3)
    labels(world, "one").to_parquet(tmp_path / "labels.parquet")
    found = pd.DataFrame({"id": ["train/one"], "path": ["/world/videos/train/one.mov"]})
    write_table(tmp_path / "motion.parquet", motion_of_drives([tmp_path / "labels.parquet"], found))
    true = EgoMotion(tmp_path / "motion.parquet").of("train/one", np.arange(0, 4, 0.2))
    np.testing.assert_allclose(true[:, 0] * 0.2, np.diff(world.position[::6]), atol=1e-9)
    turned = np.append(0, np.cumsum(np.diff(world.t) * (world.yaw_rate[1:] + world.yaw_rate[:-1]) / 2))
    np.testing.assert_allclose(true[:, 1] * 0.2, np.diff(turned[::6]), atol=1e-9)
    assert np.ptp(true[:, 1]) > 0.01
    with pytest.raises(LamoError, match="clip train/two: the world's labels name no drive two"):
        motion_of_drives([tmp_path / "labels.parquet"], pd.DataFrame({"id": ["train/two"], "path": ["two.mov"]}))


@pytest.mark.parametrize("name", ["poses.csv", "poses.csv.gz", "poses.parquet"])
def test_speed_and_turning_are_read_from_poses_in_any_order(tmp_path, name):
    shuffled = circle().sample(frac=1, random_state=0)
    true = motion_of(shuffled, tmp_path, name).of("a", np.arange(0, 2.9, 0.2))
    # Chords are a little shorter than arcs.
    np.testing.assert_allclose(true[:, 0], 12.0, rtol=1e-3)
    np.testing.assert_allclose(true[:, 1], 0.8, rtol=1e-6)
    left = circle()
    left[["x", "dx"]] *= -1
    assert motion_of(left, tmp_path).of("a", np.array([0.0, 0.2]))[0, 1] == pytest.approx(-0.8)


def test_heading_does_not_jump_where_angles_begin_anew(tmp_path):
    turns = circle(yaw_rate=7.0)
    np.testing.assert_allclose(motion_of(turns, tmp_path).of("a", np.arange(0, 2.9, 0.2))[:, 1], 7.0, rtol=1e-6)


def test_quarantined_clips_need_no_poses(tmp_path):
    lost = CLIPS.assign(id="b", path="/videos/train/b.mp4", frames=0, source_fps=np.nan)
    assert motion_of(circle(), tmp_path, clips=pd.concat([CLIPS, lost])).of("a", np.array([0.0, 0.2])).shape == (1, 2)


def without_a_frame(table):
    return table.drop(index=30)


def shorter(table):
    return table.iloc[:40]


def of_another_file(table):
    return table.assign(file="val/a.mp4")


def without_a_direction(table):
    return table.drop(columns=["dx", "dz"])


def not_a_number(table):
    return table.assign(y=table["y"].astype(object).where(table["frame"] != 7, "north"))


def looking_down(table):
    return table.assign(dx=0.0, dy=0.0)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_a_frame, r"found other frames of train/a\.mp4 than 0 to 58, expected every frame once"),
        (
            shorter,
            r"found 40 poses of /videos/train/a\.mp4, expected one per frame, 60 \(3 s at 20 frames per second\)",
        ),
        (of_another_file, r"found no poses of train/a\.mp4 \(it names val/a\.mp4, \.\.\.\)"),
        (without_a_direction, "found no column dx, dz among file, frame, x"),
        (not_a_number, r"found no number in row 7 \(train/a\.mp4, frame 7\)"),
        (looking_down, r"found a direction without heading at train/a\.mp4, frame 0, expected z upwards"),
    ],
)
def test_poses_that_do_not_fit_are_refused(tmp_path, spoil, message):
    with pytest.raises(LamoError, match=rf"videos\.poses .*poses\.csv\.gz: {message}"):
        motion_of(spoil(circle()), tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("poses.csv", b"\xff\xfe\x00"), ("poses.csv.gz", b"text"), ("poses.csv.gz", DAMAGED), ("poses.parquet", b"")],
)
def test_what_is_no_table_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LamoError, match=r"found what cannot be read \(.*expected a table; correct the table"):
        Poses(tmp_path / name)


def test_a_path_that_cannot_be_one_of_poses_is_refused_at_once(tmp_path):
    for path, message in ((tmp_path / "poses.csv", "found nothing at"), (tmp_path, "found a folder at")):
        with pytest.raises(LamoError, match=rf"config: videos\.poses: {message}"):
            poses_file(str(path))
    (tmp_path / "poses.txt").touch()
    with pytest.raises(LamoError, match=r"poses\.txt, expected a file that ends in \.parquet, \.csv"):
        poses_file(str(tmp_path / "poses.txt"))
