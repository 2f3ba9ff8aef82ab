"""Which of several video streams is used: the decodable one with the most pixels, and no cover."""

import re
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from made_videos import encode, nearest, shown

from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip

CONFIG = FramesConfig(min_frames=3)


def video(path: Path, *streams: dict) -> Path:
    """A file with video streams: each a size (width, height), and codec, rate, seconds, frames and disposition if
    they are others than usual. The frames are flat, of grey 20 + 3 * index + `brighter`.
    """
    with av.open(str(path), "w") as container:
        opened = [_added(container, **one) for one in streams]
        packets = [packet for stream, one in zip(opened, streams, strict=True) for packet in _encoded(stream, **one)]
        for packet in sorted(packets, key=lambda packet: float((packet.dts or 0) * packet.time_base)):
            container.mux(packet)
    return path


def _added(container, size, codec="libx264", rate=30, disposition=None, **_):
    stream = container.add_stream(codec, rate=rate)
    stream.width, stream.height = size
    stream.pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}.get(codec, "yuv420p")
    stream.codec_context.thread_count = 1
    if codec == "libx264":
        stream.options = {"crf": "8", "bf": "0"}
    if disposition is not None:
        stream.disposition = disposition
    return stream


def _encoded(stream, size, rate=30, seconds=2.0, frames=None, brighter=0, **_):
    for index in range(frames or round(rate * seconds)):
        grey = np.full((size[1], size[0], 3), 20 + 3 * index + brighter, dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
        frame.pts = index
        yield from stream.encode(frame)
    yield from stream.encode()


MAIN = {"size": (128, 64)}
PREVIEW = {"size": (64, 32), "codec": "mjpeg", "rate": 1}
SECOND = {"size": (96, 48), "brighter": 45}


@pytest.mark.parametrize("suffix", ["mov", "mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_the_largest_is_used_wherever_it_stands(tmp_path, suffix, before):
    others = [SECOND, {**SECOND, "size": (80, 48)}]
    path = video(tmp_path / f"a.{suffix}", *others[:before], MAIN, *others[before:])
    decoded = decode_clip(path, CONFIG)
    assert shown(decoded.frames) == nearest(np.arange(60) / 30)
    source = decoded.source
    assert (source.width, source.height, source.stream) == (128, 64, before)
    assert (decoded.status, decoded.reason[:31]) == ("repaired", "2 other video streams not used:")
    assert source.other_streams.count("h264, ") == 2


def test_a_preview_before_the_video(tmp_path):
    decoded = decode_clip(video(tmp_path / "a.mov", PREVIEW, MAIN), CONFIG)
    assert shown(decoded.frames) == nearest(np.arange(60) / 30)
    assert decoded.reason == "1 other video stream not used: 0 (mjpeg, 64 x 32)"


def test_a_codec_that_nobody_knows_before_the_video(tmp_path):
    path = video(tmp_path / "a.mov", PREVIEW, MAIN)
    content = path.read_bytes()
    assert content.count(b"jpeg") == 1
    path.write_bytes(content.replace(b"jpeg", b"zzzz"))
    decoded = decode_clip(path, CONFIG)
    assert shown(decoded.frames) == nearest(np.arange(60) / 30)
    assert decoded.reason == "1 other video stream not used: 0 (unknown codec)"


def _mistaken(path: Path, *streams: int) -> Path:
    """The file with some of its H.264 streams called VP9: they have no frame that can be decoded."""
    content = bytearray(path.read_bytes())
    places = [match.start() for match in re.finditer(b"avc1", content)]
    for stream in streams:
        content[places[stream] : places[stream] + 4] = b"vp09"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("first", [False, True])
def test_a_stream_of_which_nothing_can_be_decoded(tmp_path, first):
    larger = {"size": (256, 128)}
    path = video(tmp_path / "a.mov", *([larger, MAIN] if first else [MAIN, larger]))
    decoded = decode_clip(_mistaken(path, 0 if first else 1), CONFIG)
    assert shown(decoded.frames) == nearest(np.arange(60) / 30)
    assert decoded.status == "repaired"
    assert decoded.reason == f"no frame of stream {0 if first else 1} (vp9, 256 x 128) can be decoded"


def test_no_stream_of_which_anything_can_be_decoded(tmp_path):
    decoded = decode_clip(_mistaken(video(tmp_path / "a.mov", MAIN, SECOND), 0, 1), CONFIG)
    assert decoded.status == "quarantined"
    assert decoded.reason.startswith("no frame can be decoded; no frame of stream 0 (vp9, 128 x 64) can be decoded")


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
def test_of_equal_ones_the_default_then_the_first(tmp_path, suffix):
    other = {**MAIN, "brighter": 45}
    first = decode_clip(video(tmp_path / f"a.{suffix}", MAIN, other), CONFIG)
    assert first.source.stream == 0
    assert shown(first.frames)[0] == 0
    flagged = [{**MAIN, "disposition": Disposition(0)}, {**other, "disposition": Disposition.default}]
    second = decode_clip(video(tmp_path / f"b.{suffix}", *flagged), CONFIG)
    assert second.source.stream == 1
    assert shown(second.frames)[0] == 15


@pytest.mark.parametrize("codec", ["mjpeg", "png"])
@pytest.mark.parametrize("first", [False, True])
def test_a_cover_is_never_the_video(tmp_path, codec, first):
    """However large; and a video with one is as good as without."""
    cover = {"size": (512, 512), "codec": codec, "frames": 1, "disposition": Disposition.attached_pic}
    decoded = decode_clip(video(tmp_path / "a.mp4", *([cover, MAIN] if first else [MAIN, cover])), CONFIG)
    assert (decoded.status, decoded.reason) == ("ok", "")
    assert shown(decoded.frames) == nearest(np.arange(60) / 30)
    assert f"({codec}, 512 x 512, attached picture)" in decoded.source.other_streams


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
def test_a_picture_that_does_not_say_so(tmp_path, suffix):
    """A single frame beside a video is a still, though the container flags nothing."""
    still = {"size": (512, 512), "codec": "mjpeg", "frames": 1}
    decoded = decode_clip(video(tmp_path / f"a.{suffix}", still, MAIN), CONFIG)
    assert (decoded.status, decoded.source.width) == ("ok", 128)
    assert decoded.source.other_streams == "0 (mjpeg, 512 x 512)"


@pytest.mark.parametrize("length", ["9" * 400 + ":00:02.0", "9" * 5000 + ":00:02.0", "00:00:" + "9" * 400])
def test_a_length_of_many_digits(tmp_path, length):
    """Of a damaged tag of Matroska: it says nothing, and the video is used."""
    path = video(tmp_path / "a.mkv", MAIN)
    with av.open(str(path)) as before, av.open(str(tmp_path / "b.mkv"), "w") as after:
        stream = after.add_stream_from_template(before.streams.video[0])
        stream.metadata["DURATIOX"] = length
        for packet in before.demux(before.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                after.mux(packet)
    # libavformat writes a tag of that name itself.
    content = (tmp_path / "b.mkv").read_bytes()
    path.write_bytes(content.replace(b"DURATION", b"OLD_TIME").replace(b"DURATIOX", b"DURATION"))
    decoded = decode_clip(path, CONFIG)
    assert (decoded.status, decoded.reason) == ("ok", "")
    assert shown(decoded.frames) == nearest(np.arange(60) / 30)


def test_one_stream_is_as_before(tmp_path):
    decoded = decode_clip(video(tmp_path / "a.mp4", MAIN), CONFIG)
    assert (decoded.status, decoded.source.stream, decoded.source.other_streams) == ("ok", 0, None)


NOTHING = b"\x47\x1f\xff\x10" + b"\xff" * 184
"""A packet of a transport stream that carries nothing."""


def test_a_sound_track_that_begins_in_the_middle_of_a_recording(tmp_path):
    """A receiver writes on into one file while the programme changes: neither head nor tail tell of the sound."""
    size, times = (48, 64), np.arange(60) / 15
    silent = encode(tmp_path / "silent.ts", times, size=size, ticks=90000).read_bytes()
    sounding = encode(tmp_path / "sounding.ts", times[:15], size=size, ticks=90000, audio_s=1.0).read_bytes()
    path = tmp_path / "recorded.ts"
    path.write_bytes(silent + 60_000 * NOTHING + sounding + 20_000 * NOTHING + silent)
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    clip = decode_clip(path, CONFIG)
    # The second programme sets the clock back, so that the first one alone is used.
    assert shown(clip.frames) == nearest(times)
