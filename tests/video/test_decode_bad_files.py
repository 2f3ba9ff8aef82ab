"""Decoding what is no video, or a damaged one: refused with a reason, or used as far as it goes."""

import os

import av
import numpy as np
import pytest
from made_videos import encode, shown

from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip

CONFIG = FramesConfig(min_frames=3)


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
