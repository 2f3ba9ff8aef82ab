"""Writing the world as video files."""

import av
import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip
from lamo.world.render import render
from lamo.world.simulation import WorldConfig, clip_id, clip_seed, simulate
from lamo.world.write import part_of, render_world, write_video

CONFIG = WorldConfig(seconds=1.0, train_videos=5, val_videos=2, parts=2)


def test_the_same_frames_give_the_same_bytes_and_nothing_is_left_beside_them(tmp_path):
    frames = render(simulate(CONFIG, 4), CONFIG)
    for name in ("a", "b"):
        write_video(tmp_path / f"{name}.mov", frames, 30, 18)
    assert (tmp_path / "a.mov").read_bytes() == (tmp_path / "b.mov").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mov", "b.mov"]


def test_odd_sizes_are_refused(tmp_path):
    with pytest.raises(LamoError, match=r"a\.mov.*even"):
        write_video(tmp_path / "a.mov", np.zeros((2, 31, 64, 3), dtype=np.uint8), 30, 18)


def test_parts_make_up_the_split_and_do_not_change_its_files(tmp_path):
    assert sorted([*part_of(CONFIG, "train", 0), *part_of(CONFIG, "train", 1)]) == [0, 1, 2, 3, 4]
    with pytest.raises(LamoError, match=r"world\.parts"):
        part_of(CONFIG, "train", 2)
    whole = render_world(CONFIG, "val", range(2), tmp_path / "whole", tmp_path / "labels.parquet")
    for index in (1, 0):
        render_world(CONFIG, "val", [index], tmp_path / "parts")
    for index in range(2):
        name = f"videos/val/{clip_id('val', index)}.mov"
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    assert list(whole.groupby("clip").size()) == [30, 30]
    assert (tmp_path / "labels.parquet").is_file()


def test_the_files_are_h264_at_the_configured_rate_and_look_like_the_drive(tmp_path):
    render_world(CONFIG, "train", [3], tmp_path)
    path = tmp_path / "videos" / "train" / "train-00003.mov"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.average_rate, stream.frames) == ("h264", 30, 30)
        assert (stream.width, stream.height, stream.pix_fmt) == (128, 64, "yuv420p")
    decoded = decode_clip(path, FramesConfig(min_frames=5))
    assert decoded.status == "ok"
    np.testing.assert_allclose(decoded.times, np.arange(5) / 5, atol=1e-9)
    drive = simulate(CONFIG, clip_seed(CONFIG, "train", 3))
    rendered = render(drive, CONFIG, slice(0, None, 6)).reshape(5, 32, 2, 64, 2, 3).mean(axis=(2, 4))
    assert 10 * np.log10(255**2 / np.mean((rendered - decoded.frames) ** 2)) > 32
