"""Decoding by presentation time, and what happens to files that are no good."""

import os
from fractions import Fraction

import av
import numpy as np
import pytest
from made_videos import encode, rotate, shown

from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip
from lamo.video.decoded import Part

CONFIG = FramesConfig(min_frames=3)


def _nearest(times: np.ndarray, rate: float = 5.0) -> list[int]:
    """The definition, written plainly."""
    times = np.asarray(times) - times[0]
    grid = np.arange(0, times[-1] + 1e-3, 1 / rate)
    return [int(np.argmin(np.abs(times - at))) for at in grid]


def test_a_regular_video(tmp_path):
    times = np.arange(60) / 30
    decoded = decode_clip(encode(tmp_path / "a.mp4", times), CONFIG)
    assert decoded.frames.shape == (10, 32, 64, 3)
    assert shown(decoded.frames) == list(range(0, 60, 6))
    np.testing.assert_allclose(decoded.times, np.arange(10) / 5, atol=1e-9)
    source = decoded.source
    assert (source.codec, source.width, source.height, source.rotation_deg) == ("h264", 128, 64, 0)
    assert source.source_fps == pytest.approx(30)
    assert source.duration_s == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_variable_rate_offset_and_b_frames(tmp_path, suffix):
    rng = np.random.default_rng(0)
    times = 3.2 + np.cumsum(rng.choice([0.021, 0.034, 0.053, 0.117, 0.193], 60))
    options = {"bf": "3", "b-adapt": "0", "refs": "3"}
    decoded = decode_clip(encode(tmp_path / f"a.{suffix}", times, options=options), CONFIG)
    assert decoded.status == "ok", decoded.reason
    assert shown(decoded.frames) == _nearest(times)
    assert (np.diff(decoded.times) >= 0).all()


@pytest.mark.parametrize("fps", [3.0, 23.976, 29.97, 60.0])
def test_other_rates(tmp_path, fps):
    times = np.arange(min(66, round(3 * fps))) / fps
    decoded = decode_clip(encode(tmp_path / "a.mp4", times, ticks=90000), CONFIG)
    assert shown(decoded.frames) == _nearest(times)


def test_a_stream_without_time_stamps_is_read_at_its_rate(tmp_path):
    encode(tmp_path / "a.h264", np.arange(60) / 30, options={"bf": "0"})
    decoded = decode_clip(tmp_path / "a.h264", CONFIG)
    assert len(decoded.frames) >= 9
    assert shown(decoded.frames)[0] == 0
    assert (np.diff(shown(decoded.frames)) > 0).all()


def _halves(height: int, width: int) -> np.ndarray:
    """Left half red, right half blue, top quarter white."""
    picture = np.zeros((height, width, 3), dtype=np.uint8)
    picture[:, : width // 2, 0], picture[:, width // 2 :, 2] = 220, 220
    picture[: height // 4] = 230
    return picture


@pytest.mark.parametrize(("matrix", "turns"), [((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)])
def test_rotation_is_applied(tmp_path, matrix, turns):
    """The upright picture was turned before it was stored; the file asks for the turn back."""
    upright = _halves(64, 128)
    stored = np.ascontiguousarray(np.rot90(upright, -turns))
    path = encode(tmp_path / "a.mp4", np.arange(12) / 10, size=stored.shape[:2], frames=[stored] * 12)
    plain = decode_clip(path, CONFIG)
    assert plain.source.rotation_deg == 0
    decoded = decode_clip(rotate(path, matrix), CONFIG)
    assert decoded.source.rotation_deg % 360 == 90 * turns
    expected = upright.reshape(32, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(decoded.frames[0] - expected).mean() < 12


def test_crop_keeps_the_middle_and_the_shape_and_stretch_keeps_everything(tmp_path):
    tall = np.zeros((128, 128, 3), dtype=np.uint8)
    tall[32:96] = 200
    path = encode(tmp_path / "a.mp4", np.arange(10) / 10, size=(128, 128), frames=[tall] * 10)
    assert decode_clip(path, CONFIG).frames[:, 2:-2].min() > 190
    stretched = decode_clip(path, FramesConfig(fit="stretch", min_frames=3)).frames[0].mean(axis=(1, 2))
    assert stretched[:7].max() < 15
    assert stretched[9:23].min() > 190


def test_pixels_that_are_not_square(tmp_path):
    """A 64 x 64 picture with pixels twice as wide as high fills a 2 : 1 frame."""
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[:16] = 255
    path = encode(
        tmp_path / "a.mp4", np.arange(10) / 10, size=(64, 64), frames=[picture] * 10, pixel_aspect=Fraction(2)
    )
    rows = decode_clip(path, CONFIG).frames[0].mean(axis=(1, 2))
    assert rows[:7].min() > 200
    assert rows[9:].max() < 30


def test_scaling_averages_areas(tmp_path):
    """A checkerboard of single pixels comes out grey, not as a moire."""
    board = np.zeros((128, 256, 3), dtype=np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255
    path = encode(tmp_path / "a.mp4", np.arange(10) / 10, size=(128, 256), frames=[board] * 10, options={"crf": "1"})
    small = decode_clip(path, CONFIG).frames
    assert small.std() < 6
    assert small.mean() == pytest.approx(127, abs=8)


def test_parts_of_the_time_join_without_overlap(tmp_path):
    path = encode(tmp_path / "a.mp4", np.arange(70) / 30)
    whole = shown(decode_clip(path, CONFIG).frames)
    train, val = (decode_clip(path, CONFIG, Part(*share)) for share in ((0.0, 0.7), (0.7, 1.0)))
    assert shown(train.frames) + shown(val.frames) == whole
    assert val.times[0] > train.times[-1]
    late = decode_clip(path, CONFIG.model_copy(update={"min_frames": 2}), Part(0.7, 1.0, lead_s=0.21))
    assert shown(late.frames) == shown(val.frames)[2:]
    nothing = decode_clip(path, CONFIG, Part(0.7, 1.0, lead_s=60))
    assert (nothing.status, len(nothing.frames)) == ("quarantined", 0)


def test_files_that_are_no_videos(tmp_path):
    contents = {"zero.mp4": b"", "text.mp4": b"hello\n" * 99, "noise.mov": np.random.default_rng(0).bytes(5000)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        decoded = decode_clip(tmp_path / name, CONFIG)
        assert (decoded.status, len(decoded.frames)) == ("quarantined", 0)
        assert "empty file" in decoded.reason if not content else "not a video" in decoded.reason
    assert decode_clip(tmp_path / "absent.mp4", CONFIG).status == "quarantined"
    assert decode_clip(tmp_path, CONFIG).status == "quarantined"


@pytest.mark.parametrize("name", ["ä ö/日本 1.mp4", "b'\"$(x) %d.mp4", "10:30.mp4", "-y.mp4", "file:x.mp4"])
def test_odd_names_are_only_names(tmp_path, monkeypatch, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    encode(tmp_path / "a.mp4", np.arange(18) / 30).rename(path)
    monkeypatch.chdir(tmp_path)
    assert decode_clip(name, CONFIG).status == "ok"


def test_a_name_that_is_no_text_is_accounted_for(tmp_path):
    try:
        (tmp_path / os.fsdecode(b"\xff.mp4")).write_bytes(b"12345")
    except OSError:
        pytest.skip("this file system allows no such name")
    found = find_videos(VideosConfig(split="by_time"), tmp_path, {"train": 1, "val": 1})
    assert list(found["id"]) == ["\\xff@train", "\\xff@val"]
    assert decode_clip(found["path"][0], CONFIG).status == "quarantined"


def test_a_playlist_that_calls_itself_a_video_is_not_followed(tmp_path):
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    assert decode_clip(path, CONFIG).status == "quarantined"


def test_sound_without_pictures(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    decoded = decode_clip(path, CONFIG)
    assert (decoded.status, decoded.reason) == ("quarantined", "no video stream")


def test_too_short_for_a_window_says_how_short(tmp_path):
    path = encode(tmp_path / "a.mp4", np.arange(30) / 30)
    assert decode_clip(path, CONFIG.model_copy(update={"min_frames": 5})).status == "ok"
    decoded = decode_clip(path, CONFIG.model_copy(update={"min_frames": 6}))
    assert decoded.status == "quarantined"
    assert "5 frames" in decoded.reason
    assert "frames.min_frames asks for 6" in decoded.reason


def test_a_truncated_file_is_used_as_far_as_it_goes(tmp_path):
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 255, (64, 128, 3), dtype=np.uint8) for _ in range(90)]
    whole = encode(tmp_path / "a.mkv", np.arange(90) / 30, frames=pictures).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    decoded = decode_clip(cut, CONFIG)
    assert 5 <= len(decoded.frames) <= 9
    assert decode_clip(cut, CONFIG.model_copy(update={"min_frames": 12})).status == "quarantined"
    moov_last = encode(tmp_path / "b.mp4", np.arange(90) / 30, frames=pictures).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(moov_last[: len(moov_last) // 2])
    assert decode_clip(cut, CONFIG).status == "quarantined"


def test_a_file_with_its_index_first_that_was_cut_is_repaired(tmp_path):
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 255, (64, 128, 3), dtype=np.uint8) for _ in range(90)]
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = 64, 128, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    decoded = decode_clip(path, CONFIG)
    assert decoded.status == "repaired", decoded.reason
    assert "cut off" in decoded.reason
    assert 5 <= len(decoded.frames) < 12


def test_a_jump_of_the_clock_is_no_reason_to_repeat_a_frame_for_hours(tmp_path):
    times = np.concatenate([np.arange(30) / 30, 5000 + np.arange(36) / 30])
    decoded = decode_clip(encode(tmp_path / "a.mkv", times, ticks=1000), CONFIG)
    assert (decoded.status, shown(decoded.frames)) == ("repaired", [30, 36, 42, 48, 54, 60])
    assert "1 hole" in decoded.reason
    assert "5000.00 to 5001.17 s of 5001.17 s used" in decoded.reason


@pytest.mark.parametrize("where", ["open", "demux", "decode"])
def test_a_lack_of_memory_is_not_the_end_of_the_video(tmp_path, monkeypatch, where):
    path = encode(tmp_path / "a.mp4", np.arange(30) / 30)
    real = av.open

    class Container:
        """A container in which the memory runs out at the third packet."""

        def __init__(self, container):
            self._container = container

        def __getattr__(self, name):
            return getattr(self._container, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._container.close()

        def demux(self, stream):
            for index, packet in enumerate(self._container.demux(stream)):
                if index == 3 and where == "demux":
                    raise av.error.MemoryError(12, "Cannot allocate memory")
                yield Full() if index == 3 else packet

    class Full:
        def decode(self):
            raise av.error.MemoryError(12, "Cannot allocate memory")

    def opened(*arguments, **options):
        if where == "open":
            raise av.error.MemoryError(12, "Cannot allocate memory")
        return Container(real(*arguments, **options))

    monkeypatch.setattr(av, "open", opened)
    with pytest.raises(MemoryError) as caught:
        decode_clip(path, CONFIG)
    assert caught.type is MemoryError


def test_real_footage(dashcam):
    """23.976 frames per second, and a zoomed motorway at 15: every grid time has its nearest frame."""
    for name, frames in (("much_us_highway_dusk.mp4", 62), ("qeng_motorway_vintagecar.mp4", 27)):
        decoded = decode_clip(dashcam / name, CONFIG.model_copy(update={"min_frames": 13}))
        assert (decoded.status, decoded.frames.shape) == ("ok", (frames, 32, 64, 3)), decoded.reason
        assert np.abs(decoded.times - np.arange(frames) / 5).max() <= 0.5 / decoded.source.source_fps + 1e-6
        assert decoded.frames.std() > 10
        assert np.abs(np.diff(decoded.frames.astype(int), axis=0)).mean() > 0.5
