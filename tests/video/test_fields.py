"""Interlaced video: every stored picture shows one time, whoever says so; progressive frames are untouched."""

from fractions import Fraction

import av
import numpy as np
import pytest
from made_videos import CORNERS, corners, encode, nearest, rotate, shown, stamped

from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip
from lamo.video.fields import Deinterlacer
from lamo.video.filtering import graph_for

CONFIG = FramesConfig(height=64, width=128, min_frames=3)
SIZE = (128, 256)
T = np.arange(60) / 30
TOP = {"x264-params": "tff=1"}
BOTTOM = {"x264-params": "bff=1"}


def _bar(time: int) -> np.ndarray:
    """A bright bar that moves by 3 pixels for each field."""
    picture = np.full((*SIZE, 3), 40, dtype=np.uint8)
    left = 3 * time % (SIZE[1] - 24)
    picture[:, left : left + 24] = 220
    return picture


def _woven(count: int, top_first: bool = True) -> list[np.ndarray]:
    """Frames whose two fields are of neighbouring times."""
    frames = []
    for index in range(count):
        frame = _bar(2 * index)
        second = _bar(2 * index + 1)
        frame[1 if top_first else 0 :: 2] = second[1 if top_first else 0 :: 2]
        frames.append(frame)
    return frames


def _combing(frames: np.ndarray) -> float:
    """How far neighbouring rows in the middle are apart, at most."""
    middle = frames[:, 16:48].astype(int)
    return float(np.abs(np.diff(middle, axis=1)).max())


def _check(decoded, order: str | None, reason: str = "interlaced: deinterlaced"):
    assert (decoded.status, decoded.reason) == ("repaired", reason)
    assert decoded.source.field_order == order
    assert len(decoded.frames) == 10
    assert _combing(decoded.frames) < 40


@pytest.mark.parametrize(("top_first", "options"), [(True, TOP), (False, BOTTOM)])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_fields_of_h264(tmp_path, suffix, top_first, options):
    path = encode(tmp_path / f"a.{suffix}", T, size=SIZE, frames=_woven(60, top_first), options=options, ticks=1000)
    _check(decode_clip(path, CONFIG), "tt" if top_first else "bb")


@pytest.mark.parametrize("suffix", ["mpg", "avi", "ts"])
def test_fields_of_mpeg2(tmp_path, suffix):
    options = {"flags": "+ildct+ilme+qscale", "global_quality": "236", "field_order": "tt"}
    how = {"codec": "mpeg2video", "options": options, "ticks": 30}
    path = encode(tmp_path / f"a.{suffix}", T, size=SIZE, frames=_woven(60), **how)
    decoded = decode_clip(path, CONFIG)
    assert decoded.status == "repaired"
    assert "interlaced" in decoded.reason
    assert _combing(decoded.frames) < 40


def _states(path, order: int, frames: list[np.ndarray], options: dict[str, str]):
    """A file whose container states an order of fields of its own."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "8", "threads": "1", **options}
        stream.codec_context.field_order = order
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_stream_that_says_so_though_its_frames_do_not(tmp_path):
    """Matroska's flag. What an MP4 states of H.264, libavformat replaces by what it finds in the frames."""
    decoded = decode_clip(_states(tmp_path / "a.mkv", 2, _woven(60), {}), CONFIG)
    _check(decoded, "tt", "interlaced by its stream (tt), though not by its frames: deinterlaced")


@pytest.mark.parametrize("suffix", ["mkv", "mov"])
def test_frames_that_say_so_though_their_stream_does_not(tmp_path, suffix):
    decoded = decode_clip(_states(tmp_path / f"a.{suffix}", 1, _woven(60), TOP), CONFIG)
    assert (decoded.status, decoded.reason) == ("repaired", "interlaced: deinterlaced")
    assert _combing(decoded.frames) < 40


def test_progressive_video_is_as_before(tmp_path):
    decoded = decode_clip(encode(tmp_path / "a.mp4", T, size=SIZE, frames=[_bar(2 * i) for i in range(60)]), CONFIG)
    assert (decoded.status, decoded.reason, decoded.source.field_order) == ("ok", "", "progressive")


def _frames(pictures: list[np.ndarray], flags: list[bool]) -> list[av.VideoFrame]:
    """Frames as a decoder gives them, some flagged as interlaced."""
    made = []
    for index, (picture, flagged) in enumerate(zip(pictures, flags, strict=True)):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        graph = graph_for(frame, "setparams", field_mode="tff" if flagged else "prog")
        graph.push(frame)
        done = graph.vpull()
        done.pts, done.dts, done.time_base = 512 * index, None if index % 3 else 512 * index, T_BASE
        made.append(done)
    return made


T_BASE = Fraction(1, 15360)


@pytest.mark.parametrize("flags", [[True] * 12, [False] * 6 + [True] * 6, [True] * 6 + [False] * 6, [True, False] * 6])
def test_mixed_frames(flags):
    """As many frames come out as go in, at their times, and progressive ones bit for bit as they were."""
    pictures = [woven if flag else _bar(2 * i) for i, (woven, flag) in enumerate(zip(_woven(12), flags, strict=True))]
    given = _frames(pictures, flags)
    fields = Deinterlacer("progressive")
    done = list(fields.frames(given))
    assert [(one.pts, one.dts, one.time_base) for one in done] == [(one.pts, one.dts, one.time_base) for one in given]
    for before, after, flag in zip(given, done, flags, strict=True):
        assert not after.interlaced_frame
        if flag:
            assert _comb_of(after) < 60 < _comb_of(before)
        else:
            np.testing.assert_array_equal(after.to_ndarray()[:128], before.to_ndarray()[:128])
    count = sum(flags)
    assert fields.order == ("interlaced" if count == 12 else "mixed")
    assert list(fields.notes()) == [
        "interlaced: deinterlaced" if count == 12 else f"interlaced in {count} of 12 frames: deinterlaced"
    ]


def _comb_of(frame: av.VideoFrame) -> int:
    """How far neighbouring rows in the middle of a frame of 128 rows are apart, at most."""
    luma = frame.to_ndarray()[:128].astype(int)
    return int(np.abs(np.diff(luma[32:96], axis=0)).max())


def test_a_size_that_changes():
    small, large = av.VideoFrame(64, 32, "yuv420p"), av.VideoFrame(96, 64, "yuv420p")
    given = [_frames([frame.to_ndarray(format="rgb24")], [True])[0] for frame in (small, small, large, large)]
    fields = Deinterlacer(None)
    assert [(one.width, one.height) for one in fields.frames(given)] == [(64, 32)] * 2 + [(96, 64)] * 2
    assert list(fields.notes()) == ["interlaced: deinterlaced"]


def test_frames_that_cannot_be_deinterlaced():
    """Too small for the filter: they are given back as they are, and that is said."""
    given = _frames([np.zeros((2, 2, 3), dtype=np.uint8)] * 5, [True] * 5)
    fields = Deinterlacer(None)
    assert list(fields.frames(given)) == given
    assert next(fields.notes()).startswith("interlaced and left so (a frame of 2 x 2, yuv420p: ")


def test_a_frame_alone():
    fields = Deinterlacer(None)
    assert len(list(fields.frames(_frames(_woven(1), [True])))) == 1
    assert list(fields.notes()) == ["interlaced and left so (a frame alone)"]


def _grown(frames: list[av.VideoFrame], count: int) -> list[av.VideoFrame]:
    """The frames, the first ones in another size."""
    small = _frames([picture[:64, :128] for picture in _woven(count)], [True] * count)
    return small + frames[count:]


@pytest.mark.parametrize(("count", "said"), [(1, ", but for 1 frame alone among others of another kind"), (2, "")])
def test_a_first_frame_of_another_size(count, said):
    """It has no neighbour; those after it have, and are deinterlaced."""
    fields = Deinterlacer(None)
    done = list(fields.frames(_grown(_frames(_woven(6), [True] * 6), count)))
    assert [one.width for one in done] == [128] * count + [256] * (6 - count)
    for frame in done[count:]:
        assert _comb_of(frame) < 60
    assert list(fields.notes()) == [f"interlaced: deinterlaced{said}"]


def test_a_first_frame_without_a_flag_of_a_stream_that_states_fields():
    flags = [False] + [True] * 7
    fields = Deinterlacer("tt")
    done = list(fields.frames(_frames(_woven(8), flags)))
    assert len(done) == 8
    for frame in done[1:]:
        assert _comb_of(frame) < 60
    assert list(fields.notes()) == [
        "interlaced: deinterlaced, but for 1 frame alone among others of another kind",
    ]


def test_nothing_but_frames_alone():
    fields = Deinterlacer(None)
    assert len(list(fields.frames(_grown(_frames(_woven(2), [True] * 2), 1)))) == 2
    assert list(fields.notes()) == ["interlaced and left so (frames alone)"]


def test_a_progressive_frame_alone_is_not_counted():
    """It passes through the filter between others, and is left as it is."""
    small = _frames([_bar(0)[:64, :128]], [False])
    fields = Deinterlacer(None)
    frames = _frames(_woven(4), [True] * 4)
    assert len(list(fields.frames([*frames[:2], *small, *frames[2:]]))) == 5
    assert list(fields.notes()) == ["interlaced in 4 of 5 frames: deinterlaced"]


def test_a_turn_is_kept(tmp_path):
    """What a frame says besides its fields is still known after them."""
    frames = [np.ascontiguousarray(np.rot90(stamped(index), -1)) for index in range(60)]
    path = encode(tmp_path / "a.mp4", T, size=(128, 64), frames=frames, options=TOP)
    decoded = decode_clip(rotate(path, (0, -1, 1, 0)), CONFIG)
    assert (decoded.reason, decoded.source.rotation_deg) == ("interlaced: deinterlaced", 90)
    np.testing.assert_allclose(np.mean([corners(frame) for frame in decoded.frames], axis=0), CORNERS, atol=9)
    assert shown(decoded.frames) == nearest(T)
