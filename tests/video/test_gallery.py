"""A gallery of small made videos of every kind that recorders, phones and accidents leave behind, and what becomes of
each."""

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from made_videos import CORNERS, corners, cut, encode, nearest, rotate, shown, sound_only, stamped, trim

from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip

CONFIG = FramesConfig(min_frames=3)
T30 = np.arange(60) / 30
VARIABLE = np.cumsum(np.random.default_rng(0).choice([0.021, 0.034, 0.053, 0.117], 60))
SMALL_HOLE = np.concatenate([T30[:20], T30[32:]])
BIG_HOLE = np.concatenate([T30[:20], T30[20:] + 3])
B_FRAMES = {"bf": "3", "b-adapt": "0", "refs": "3"}
FIRST_INDEX = {"movflags": "+faststart"}


def video(path: Path, times=T30, size=(64, 128), turn: Callable = np.asarray, matrix=None, **how) -> Path:
    """Stamped frames at `times`; stored as `turn` leaves them, with a display matrix that asks to turn them back."""
    frames = [np.ascontiguousarray(turn(stamped(index, size))) for index in range(len(times))]
    encode(path, times, size=frames[0].shape[:2], frames=frames, **how)
    return rotate(path, matrix) if matrix else path


def turned(quarters: int, mirrored: bool = False) -> Callable:
    """The inverse of: mirror, then turn by quarters counterclockwise."""
    return lambda picture: (lambda back: back[:, ::-1] if mirrored else back)(np.rot90(picture, -quarters))


def doubled(path: Path) -> Path:
    frames = [stamped(index // 2) for index in range(60)]
    return encode(path, T30, frames=frames)


def restarted(path: Path) -> Path:
    """Two recordings in one file, the second with its clock at the beginning."""
    content = video(path, T30[:30], options={"bf": "0"}).read_bytes()
    path.write_bytes(video(path, T30, options={"bf": "0"}).read_bytes() + content)
    return path


def scratched(path: Path) -> Path:
    """Bits flipped in the middle of the coded pictures, which the decoder conceals."""
    content = bytearray(video(path, options={"g": "5"}).read_bytes())
    middle = content.index(b"mdat") + (content.index(b"moov") - content.index(b"mdat")) // 2
    content[middle : middle + 4] = bytes(255 - byte for byte in content[middle : middle + 4])
    path.write_bytes(content)
    return path


def below(folder: str, name: str, path: Path) -> Path:
    """A video that is reached by an odd path."""
    place = path.parent / folder
    place.mkdir(exist_ok=True, parents=True)
    video(path).rename(path.parent / "there.mp4" if ".." in name else place / name)
    return place / name


def link(target: str, path: Path) -> Path:
    video(path.with_name("real.mp4"))
    path.symlink_to(target)
    return path


def special(make: Callable, path: Path) -> Path:
    make(path)
    return path


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))


@dataclass(frozen=True)
class Case:
    """File name, how it is made, and what must come out: status, a pattern of the reason, the frames, orientation."""

    name: str
    make: Callable[[Path], Path]
    status: str = "ok"
    reason: str = "^$"
    frames: list[int] | None = None
    turned: tuple[int, bool] = (0, False)
    darker: float = 1.0


def good(name: str, times=T30, frames=None, status="ok", reason="^$", turned=(0, False), darker=1.0, **how) -> Case:
    """A video whose frames are those nearest to the grid, if nothing else is said."""
    make = partial(video, times=times, **how)
    return Case(name, make, status, reason, nearest(times) if frames is None else frames, turned, darker)


def oriented(name: str, quarters: int, mirrored: bool, matrix: tuple) -> Case:
    return good(name, turn=turned(quarters, mirrored), matrix=matrix, turned=(quarters, mirrored))


def bad(name: str, make: Callable, reason: str) -> Case:
    return Case(name, make, "quarantined", reason)


EVERY_SIXTH = list(range(0, 60, 6))
CASES = [
    # Orientation.
    good("plain.mp4"),
    oriented("turned_90.mp4", 1, False, (0, -1, 1, 0)),
    oriented("turned_180.mov", 2, False, (-1, 0, 0, -1)),
    oriented("turned_270.mp4", 3, False, (0, 1, -1, 0)),
    oriented("mirrored.mp4", 0, True, (-1, 0, 0, 1)),
    oriented("mirrored_turned_90.mov", 1, True, (0, 1, 1, 0)),
    oriented("upside_down_mirrored.mp4", 2, True, (1, 0, 0, -1)),
    oriented("mirrored_turned_270.mp4", 3, True, (0, -1, -1, 0)),
    good("askew.mp4", matrix=(0.94, -0.34, 0.34, 0.94), status="repaired", reason="by 20 degrees, turned by 0 degrees"),
    good("scaled_and_turned.mp4", turn=turned(2), matrix=(-0.5, 0, 0, -0.5), turned=(2, False)),
    good("no_matrix.mp4", matrix=(0, 0, 0, 0)),
    # Time.
    good("variable.mp4", VARIABLE, options=B_FRAMES),
    good("variable.mkv", VARIABLE, ticks=1000),
    good("offset.mp4", T30 + 3.2),
    good("offset.ts", T30 + 3.2, ticks=90000),
    good("small_hole.mp4", SMALL_HOLE, status="repaired", reason="^1 grid time without a frame .* 0.17 s away$"),
    good("big_hole.mkv", BIG_HOLE, [24, 30, 36, 42, 48, 54], "repaired", "1 hole .* 3.03 s: 3.67 to 4.97 s of 4.97 s"),
    Case("doubled.mp4", doubled, frames=list(range(0, 30, 3))),
    Case("restarted.ts", restarted, "repaired", "^1 step back of the clock: 0.00 to 1.97 s of 2.97 s", EVERY_SIXTH),
    good("b_frames.mkv", options=B_FRAMES),
    Case("edited.mp4", lambda p: trim(video(p, options=B_FRAMES), 0.5), frames=list(range(15, 60, 6))),
    good("fps_23.976.mp4", np.arange(48) * 1.001 / 24, ticks=24000),
    good("fps_12.mov", np.arange(24) / 12),
    good("fps_240.mp4", np.arange(70) / 240 * 3, ticks=240000),
    good("fps_3.mp4", np.arange(12) / 3, ticks=90000, status="repaired", reason="without a frame within 0.1 s"),
    bad("time_lapse.mp4", partial(video, times=np.arange(20.0)), "too short: 1 frames .* 19 holes"),
    # Damage.
    Case("cut.mkv", lambda p: cut(video(p, options={"g": "10"}), 0.7), "repaired", "cut off: frames end"),
    Case("cut_index_first.mp4", lambda p: cut(video(p, container_options=FIRST_INDEX), 0.8), "repaired", "cut off"),
    Case("scratched.mp4", scratched, "repaired", r"^\d+ damaged frames, the first error: h264: .*$", EVERY_SIXTH),
    bad("cut_index_last.mp4", lambda p: cut(video(p), 0.7), "not a video that can be opened"),
    bad("empty.mp4", lambda p: special(Path.touch, p), r"^empty file \(0 bytes\)$"),
    bad("text.mov", lambda p: special(lambda q: q.write_text("hello\n" * 99), p), "not a video that can be opened"),
    bad("sound.mp4", sound_only, "^no video stream$"),
    good("sound_beside.mp4", audio_s=3.0),
    good("sound_beside.mkv", audio_s=1.0, ticks=1000),
    # Codecs, pixel formats, sizes.
    good("odd.mkv", size=(37, 63), pixel_format="yuv444p", options={"crf": "1"}, darker=0),
    good("odd.avi", size=(37, 63), codec="mpeg4", ticks=30),
    good("tiny.mkv", size=(16, 32)),
    good("ten_bit.mp4", codec="libx265", pixel_format="yuv420p10le"),
    good("ten_bit.mkv", pixel_format="yuv422p10le", darker=3),
    good("hevc.mp4", codec="libx265"),
    good("mpeg4.avi", codec="mpeg4", ticks=30),
    good("mpeg2.mpg", codec="mpeg2video", ticks=30),
    good("mjpeg.mov", codec="mjpeg", pixel_format="yuvj420p"),
    good("vp9.webm", codec="libvpx-vp9", ticks=1000),
    good("av1.mp4", codec="libsvtav1"),
    good("prores.mov", codec="prores", pixel_format="yuv422p10le", darker=3),
    good("lossless.mkv", codec="ffv1", pixel_format="bgr0", ticks=1000),
    # Names and things that are no files.
    Case("a.mp4", partial(below, "ä ö 日本", 'it\'s "a" 50%d clip;.mp4'), frames=EVERY_SIXTH),
    Case("b.mp4", partial(below, "deep/er", "../../there.mp4"), frames=EVERY_SIXTH),
    Case("link.mp4", partial(link, "real.mp4"), frames=EVERY_SIXTH),
    bad("broken_link.mp4", partial(link, "nowhere.mp4"), r"^broken link \(No such file or directory\)$"),
    bad("loop.mp4", partial(link, "loop.mp4"), r"^broken link \(Too many levels of symbolic links\)$"),
    bad("folder.mov", partial(special, Path.mkdir), "^not a file but a folder$"),
    bad("pipe.mp4", partial(special, os.mkfifo), "^not a file but a named pipe$"),
    bad("socket.mp4", partial(special, listen), "^not a file but a socket$"),
    bad("device.mp4", partial(link, "/dev/zero"), "^not a file but a device$"),
    bad("absent.mp4", lambda p: p, "^cannot be read"),
]


def test_the_gallery_is_large_enough():
    assert len({case.name for case in CASES}) == len(CASES) >= 25


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gallery(case, tmp_path):
    decoded = decode_clip(case.make(tmp_path / case.name), CONFIG)
    assert decoded.status == case.status, decoded.reason
    assert re.search(case.reason, decoded.reason), decoded.reason
    if case.status == "quarantined":
        assert len(decoded.frames) == len(decoded.times) == 0
        return
    if case.frames is not None:
        assert shown(decoded.frames, case.darker) == case.frames
    # Upright: every corner is the one it was made as.
    np.testing.assert_allclose(np.mean([corners(frame) for frame in decoded.frames], axis=0), CORNERS, atol=9)
    assert (decoded.source.rotation_deg, decoded.source.mirrored) == (90 * case.turned[0], case.turned[1])


@pytest.mark.parametrize("case", [c for c in CASES if isinstance(c.make, partial) and c.frames], ids=lambda c: c.name)
def test_times_are_those_of_the_frames_shown(case, tmp_path):
    """And so, with the frames being the nearest ones, no more than half a source frame off the grid."""
    times = case.make.keywords.get("times", T30)
    decoded = decode_clip(case.make(tmp_path / case.name), CONFIG)
    np.testing.assert_allclose(decoded.times, (times - times[0])[case.frames], atol=1.1e-3)
