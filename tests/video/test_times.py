"""Videos without presentation times, and with such as recorders, muxers and accidents leave behind."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_videos import cut, encode, nearest, shown, stamped
from restamped import as_in_avi, pack_b_frames, restamp

from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip
from lamo.video.stream import read_frames

CONFIG = FramesConfig(min_frames=3)
B_FRAMES = {"bf": "3", "b-adapt": "0", "refs": "3"}
HALF = {"ticks": 15, "rate": 15}
FOUR = {"codec": "mpeg4", "options": {"bf": "2"}}
GAPS = np.array([0, 1, 2, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24]) / 15
HOUR = 3600 * 90_000


def video(path: Path, times, **how: Any) -> Path:
    return encode(path, times, frames=[stamped(index) for index in range(len(times))], **how)


@dataclass(frozen=True)
class Coded:
    """A container and a codec that know no presentation times, or not for all frames."""

    name: str
    how: dict = field(default_factory=dict)
    times: np.ndarray = field(default_factory=lambda: np.arange(46) / 15)


CODED = [
    Coded("h264.avi", {"options": {"bf": "0"}}),
    Coded("h264_b.avi", {"options": B_FRAMES}),
    Coded("h264_b_dropped.avi", {"options": B_FRAMES}, GAPS),
    Coded("mpeg4_b.avi", FOUR),
    Coded("mpeg4_b_dropped.avi", FOUR, GAPS),
    Coded("h264_b.asf", {"options": B_FRAMES}),
    Coded("mpeg2_b.mpg", {"codec": "mpeg2video", "options": {"bf": "2"}, "ticks": 25, "rate": 25}, np.arange(51) / 25),
    Coded("mpeg2_b.vob", {"codec": "mpeg2video", "options": {"bf": "2"}, "ticks": 25, "rate": 25}, np.arange(51) / 25),
    Coded("mpeg2_b.m2v", {"codec": "mpeg2video", "options": {"bf": "2"}, "ticks": 24, "rate": 24}, np.arange(49) / 24),
    Coded("h264_b.mpg", {"options": B_FRAMES}),
    Coded("h264_b.h264", {"options": B_FRAMES}),
    Coded("hevc_b.hevc", {"codec": "libx265"}),
    Coded("vp9.ivf", {"codec": "libvpx-vp9"}),
]


@pytest.mark.parametrize("coded", CODED, ids=lambda coded: coded.name)
def test_frames_of_a_container_without_presentation_times_are_read_in_their_order(coded, tmp_path):
    decoded = decode_clip(video(tmp_path / coded.name, coded.times, **HALF | coded.how), CONFIG)
    assert (decoded.status, decoded.reason) == ("ok", "")
    found = shown(decoded.frames)
    np.testing.assert_allclose(decoded.times, coded.times[found], atol=1e-3)
    right = coded.times[nearest(coded.times)]
    # By the roundings of its milliseconds, the last frame of the ASF comes just too early for the last grid time.
    assert len(found) >= len(right) - coded.name.endswith(".asf")
    np.testing.assert_allclose(coded.times[found], right[: len(found)], atol=0.5 / 15 + 1e-9)


def test_packed_b_frames(tmp_path):
    how = {"codec": "mpeg4", "options": {"bf": "1", "b_strategy": "0", "flags": "+qscale", "global_quality": "236"}}
    source = video(tmp_path / "source.avi", np.arange(61) / 30, ticks=30, **how)
    decoded = decode_clip(pack_b_frames(tmp_path / "packed.avi", source), CONFIG)
    assert (decoded.status, decoded.reason) == ("ok", "")
    assert shown(decoded.frames) == list(range(0, 61, 6))


@pytest.mark.parametrize(("code", "how"), [(b"H264", {"options": B_FRAMES}), (b"XVID", FOUR)])
def test_a_matroska_file_of_what_lay_in_an_avi(code, how, tmp_path):
    source = video(tmp_path / "source.avi", np.arange(61) / 30, ticks=30, **how)
    decoded = decode_clip(as_in_avi(tmp_path / "a.mkv", source, code), CONFIG)
    assert (decoded.status, decoded.reason) == ("ok", "")
    # By the roundings of its milliseconds, the last frame may come just too early for the last grid time.
    assert shown(decoded.frames)[:10] == list(range(0, 60, 6))


def test_a_coded_stream_that_names_no_rate_is_said_to(tmp_path):
    silent = "crf=8:log-level=none:pools=none:frame-threads=1:vui-timing-info=0"
    how = {"codec": "libx265", "options": {"x265-params": silent}}
    decoded = decode_clip(video(tmp_path / "a.hevc", np.arange(50) / 15, **HALF, **how), CONFIG)
    assert (decoded.status, decoded.reason) == ("repaired", "the file names no rate, read at 25 frames per second")
    assert shown(decoded.frames) == list(range(0, 50, 5))


EVERY_SIXTH = list(range(0, 60, 6))
OF_ANOTHER = r"^1 frame with a time stamp of another clock dropped$"
STEP_BACK = "^1 step back of the clock: "
RESTAMPED = {
    "as it was": (lambda i, at: at, "^$", EVERY_SIXTH),
    "one in the middle ahead": (lambda i, at: at + HOUR * (i == 20), OF_ANOTHER, EVERY_SIXTH),
    "one in the middle behind": (lambda i, at: at - HOUR * (i == 20), OF_ANOTHER, EVERY_SIXTH),
    "the first ahead": (lambda i, at: at + HOUR * (i == 0), OF_ANOTHER, list(range(1, 60, 6))),
    "the first behind": (lambda i, at: at - HOUR * (i == 0), OF_ANOTHER, list(range(1, 60, 6))),
    "the last ahead": (lambda i, at: at + HOUR * (i == 59), OF_ANOTHER, EVERY_SIXTH),
    "the last behind": (lambda i, at: at - HOUR * (i == 59), OF_ANOTHER, EVERY_SIXTH),
    "one a little ahead": (lambda i, at: at + 36_000 * (i == 20), "^1 frame with a time .* not rise", EVERY_SIXTH),
    "several, all different": (lambda i, at: at + (20 <= i < 24) * HOUR * i, "^4 frames .* another", EVERY_SIXTH),
    "several of one clock": (lambda i, at: at + (20 <= i < 29) * HOUR, "^9 frames .* another", None),
    "two clocks in turn": (lambda i, at: at + i % 2 * HOUR, "^30 frames .* another", EVERY_SIXTH),
    "a restart": (lambda i, at: at - 60_000 * (i >= 20), STEP_BACK + "0.67 to 1.97", list(range(20, 60, 6))),
    "a little back": (
        lambda i, at: at - 9000 * (i >= 30),
        "^3 frames .* do not rise",
        [0, 6, 12, 18, 24, 33, 39, 45, 51, 57],
    ),
    "repeated": (
        lambda i, at: at - 3000 * (i % 5 == 2),
        "^12 frames .* do not rise",
        [0, 6, 11, 18, 24, 30, 36, 41, 48, 54],
    ),
    "none for some": (lambda i, at: None if i % 7 in (3, 4) else at, "^$", EVERY_SIXTH),
    "none for some, with a hole": (
        lambda i, at: None if 20 <= i < 24 else at + 30_000 * (i > 21),
        "^4 frames without a time stamp spread evenly between the others$",
        [0, 6, 12, 18, 21, 23, 26, 32, 38, 44, 50, 56],
    ),
    "none but for the first": (lambda i, at: at if i == 0 else None, "^$", EVERY_SIXTH),
    "none": (lambda i, at: None, "^$", EVERY_SIXTH),
    "all alike": (lambda i, at: 0, "^59 frames with the time stamp of the frame before", EVERY_SIXTH),
    "whole seconds": (lambda i, at: at // 90_000 * 90_000, "^58 frames with the time stamp", EVERY_SIXTH),
    "bent while behind": (lambda i, at: 60_000 + i if 20 <= i < 50 else at, "1 hole", list(range(0, 20, 6))),
    "a counter that begins anew": (lambda i, at: at + 2**33 - 60_000, "^$", EVERY_SIXTH),
}


@pytest.mark.parametrize("name", RESTAMPED)
def test_restamped(name, tmp_path):
    change, reason, frames = RESTAMPED[name]
    path = video(tmp_path / "a.ts", np.arange(60) / 30, ticks=90_000, options={"bf": "0"})
    decoded = decode_clip(restamp(path, change), CONFIG)
    assert re.search(reason, decoded.reason), decoded.reason
    assert decoded.status == ("ok" if reason == "^$" else "repaired")
    found = shown(decoded.frames)
    assert found == frames or frames is None
    if frames is None:
        np.testing.assert_allclose(decoded.times, np.array(found) / 30, atol=1e-6)
    assert decoded.source.duration_s == pytest.approx(2, abs=0.4)


def test_a_counter_that_begins_anew_long_after_the_start(tmp_path):
    """Where the library does not know any more that it does: it looks at the first minute."""
    grey = [np.full((16, 32, 3), 99, dtype=np.uint8)] * 300
    how = {"size": (16, 32), "frames": grey, "ticks": 90_000, "rate": 3, "options": {"bf": "0"}}
    path = encode(tmp_path / "a.ts", np.arange(300) / 3, **how)
    restamp(path, lambda index, at: at + 2**33 - 80 * 90_000)
    decoded = decode_clip(path, CONFIG)
    assert "hole" not in decoded.reason
    assert "clock" not in decoded.reason
    assert decoded.times[-1] == pytest.approx(299 / 3, abs=1e-6)


def test_a_rate_that_rises_for_a_while(tmp_path):
    """A dashcam in parking mode writes three frames a second, and thirty while something moves."""
    times = np.cumsum([0, *[0.31] * 500, *[1 / 30] * 150, *[0.31] * 500])
    grey = [np.full((16, 32, 3), 99, dtype=np.uint8)] * len(times)
    path = encode(tmp_path / "a.mp4", times, size=(16, 32), frames=grey, ticks=90_000, options={"bf": "0"})
    decoded = decode_clip(path, FramesConfig(min_frames=3, rate_hz=2))
    assert (decoded.status, decoded.reason) == ("ok", "")
    np.testing.assert_allclose(decoded.times, times[nearest(times, 2)], atol=1e-4)


PAUSE = np.array([0, *(12 + np.arange(60) / 30)])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_first_frame_before_a_long_pause(tmp_path, name):
    """As of a recorded screen on which nothing moves."""
    decoded = decode_clip(video(tmp_path / name, PAUSE, options={"bf": "0"}), CONFIG)
    assert decoded.status == "repaired"
    assert re.fullmatch("1 hole between .* the longest 12.00 s: 12.00 to 13.97 s of 13.97 s used", decoded.reason)
    assert shown(decoded.frames) == list(range(1, 61, 6))
    assert decoded.source.duration_s == pytest.approx(14, abs=0.1)


def test_a_recording_with_a_long_pause_that_is_cut_off_is_said_to_be(tmp_path):
    path = cut(video(tmp_path / "a.mkv", PAUSE, options={"bf": "0"}), 0.6)
    assert re.search("^cut off: frames end at 1[23]\\.. s of 14.0 s; .*; 1 hole ", decode_clip(path, CONFIG).reason)


@pytest.mark.parametrize(("hole", "used", "last"), [(40, range(0, 40, 6), 39), (20, range(24, 60, 6), 59)])
def test_the_second_look_at_a_video_ends_with_what_is_used(tmp_path, monkeypatch, hole, used, last):
    times = (np.arange(60) + 60 * (np.arange(60) >= hole)) / 30
    seen = []

    def watched(path, progress):
        for index, frame in enumerate(read_frames(path, progress)):
            seen.append(index)
            yield frame

    monkeypatch.setattr("lamo.video.decode.read_frames", watched)
    decoded = decode_clip(video(tmp_path / "a.mp4", times, options={"bf": "0"}), CONFIG)
    assert "1 hole" in decoded.reason
    assert shown(decoded.frames) == list(used)
    assert max(seen) <= last
