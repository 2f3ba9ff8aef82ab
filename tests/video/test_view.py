"""What else a file says of its pictures: changes within a video, alpha, two eyes, spheres, Dolby Vision."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_videos import CORNERS, corners, encode, rotate, shown, stamped
from patched_files import box, into_mp4_video, numbers
from restamped import restamp

from lamo.video.config import FramesConfig
from lamo.video.declared import declared
from lamo.video.decode import decode_clip

CONFIG = FramesConfig(min_frames=3)
T = np.arange(30) / 30


def _joined(path: Path, *halves: dict) -> Path:
    """Two recordings of one second, one after the other in a transport stream without a break of time."""
    content = b""
    for index, how in enumerate(halves):
        size = how.pop("size", (64, 128))
        part = path.with_suffix(f".{index}.ts")
        frames = [stamped(number, size) for number in range(30)]
        options = {"bf": "0", "crf": "8", **how.pop("options", {})}
        encode(part, T + index, size=size, frames=frames, ticks=90000, options=options, **how)
        content += part.read_bytes()
    path.write_bytes(content)
    return path


def test_a_size_that_changes(tmp_path):
    decoded = decode_clip(_joined(tmp_path / "a.ts", {}, {"size": (96, 192)}), CONFIG)
    assert (decoded.status, decoded.reason) == ("repaired", "the size changes: 128 x 64, then 192 x 96")
    assert shown(decoded.frames) == [*range(0, 30, 6), *range(0, 30, 6)]
    for frame in decoded.frames:
        np.testing.assert_allclose(corners(frame), CORNERS, atol=12)


def test_a_shape_of_pixels_that_changes(tmp_path):
    """Both halves show the same picture: the second has its pixels stored half as wide."""
    halves = {}, {"size": (64, 64), "pixel_aspect": Fraction(2)}
    decoded = decode_clip(_joined(tmp_path / "a.ts", *halves), CONFIG)
    assert decoded.status == "repaired"
    assert "the size changes: 128 x 64, then 64 x 64; the shape of pixels changes: 1, then 2" in decoded.reason
    for frame in decoded.frames:
        np.testing.assert_allclose(corners(frame), CORNERS, atol=12)


WIDE = {"size": (64, 64), "pixel_aspect": Fraction(2)}


def test_a_shape_of_pixels_that_changes_in_a_video_that_is_decoded_twice(tmp_path):
    """The first look ends at the second frame, of which the time is that of the first one."""
    path = restamp(_joined(tmp_path / "a.ts", {}, {**WIDE}), lambda index, at: at - 3000 * (index == 1))
    decoded = decode_clip(path, CONFIG)
    assert "the size changes: 128 x 64, then 64 x 64; the shape of pixels changes: 1, then 2" in decoded.reason
    for frame in decoded.frames:
        np.testing.assert_allclose(corners(frame), CORNERS, atol=12)


@pytest.mark.parametrize(("parts", "hole"), [(({}, WIDE, WIDE), 30), (({}, {}, WIDE), 60)])
def test_only_what_is_used_of_a_video_with_a_hole_is_named(tmp_path, parts, hole):
    """The longer recording, of two with a pause between them, is used: the second one, then the first one."""
    path = _joined(tmp_path / "a.ts", *({**part} for part in parts))
    decoded = decode_clip(restamp(path, lambda index, at: at + 270_000 * (index >= hole)), CONFIG)
    assert "1 hole" in decoded.reason
    assert "change" not in decoded.reason
    assert len(decoded.frames) == 10
    for frame in decoded.frames:
        np.testing.assert_allclose(corners(frame), CORNERS, atol=12)


def test_colours_that_change(tmp_path):
    """Each picture by its own: in full range it is as bright as in the other."""
    full = {"options": {"x264-params": "fullrange=on:colormatrix=bt709"}}
    decoded = decode_clip(
        _joined(tmp_path / "a.ts", {"options": {"x264-params": "colormatrix=smpte170m"}}, full), CONFIG
    )
    assert (decoded.status, decoded.reason[:21]) == ("repaired", "what frames say of th")


@pytest.mark.parametrize(("name", "codec", "pixels"), [("a.mov", "qtrle", "argb"), ("a.mkv", "ffv1", "yuva420p")])
def test_alpha_is_named(tmp_path, name, codec, pixels):
    decoded = decode_clip(encode(tmp_path / name, T, codec=codec, pixel_format=pixels, ticks=1000), CONFIG)
    assert (decoded.status, decoded.reason) == ("repaired", "an alpha channel, left out")
    assert decoded.source.pixel_format == pixels


@pytest.mark.parametrize("aspect", [(10_000_000, 1), (1, 10_000_000), (2**31 - 1, 1)])
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_a_damaged_shape_of_pixels(tmp_path, aspect, fit):
    """It would make a picture of millions of pixels in a row."""
    path = into_mp4_video(encode(tmp_path / "a.mp4", T), box(b"pasp", numbers(*aspect)))
    decoded = decode_clip(path, CONFIG.model_copy(update={"fit": fit}))
    if fit == "stretch":
        assert (decoded.status, len(decoded.frames)) == ("ok", 5)
    else:
        assert decoded.status == "quarantined"
        assert decoded.reason.startswith("a picture of 128 x 64 pixels, each ")


@pytest.mark.parametrize("matrix", [(255, 0, 0, 0.00003), (0.00003, 0, 0, 255), (0, 255, -0.00003, 0)])
def test_a_damaged_display_matrix(tmp_path, matrix):
    """Where it stretches, libavformat makes it a shape of pixels."""
    decoded = decode_clip(rotate(encode(tmp_path / "a.mp4", T), matrix), CONFIG.model_copy(update={"height": 224}))
    assert decoded.status == "quarantined"
    assert decoded.reason.startswith("a picture of 128 x 64 pixels, each ")


def _photographed(path: Path) -> Path:
    """Motion JPEG whose pictures have the data of a camera (Exif), a kind of side data that PyAV has no name for."""
    model = b"\x10\x01\x02\x00\x04\x00\x00\x00abc\0"
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + model + bytes(4)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuvj420p"
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(stamped(index), format="rgb24")
            for packet in stream.encode(frame):
                jpeg = bytes(packet)
                length = (2 + len(exif)).to_bytes(2, "big")
                made = av.Packet(jpeg[:2] + b"\xff\xe1" + length + exif + jpeg[2:])
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.stream, made.is_keyframe = stream, True
                container.mux(made)
    return path


@pytest.mark.parametrize(
    ("matrix", "turned", "reason"),
    [
        ((1, 0, 0, 1), 0, ""),
        ((0, -1, 1, 0), 90, "mirroring cannot be read, for side data of an unknown kind"),
        ((-1, 0, 0, 1), 180, "mirroring cannot be read, for side data of an unknown kind"),
        (
            (0.94, -0.34, 0.34, 0.94),
            0,
            # 19.9: PyAV drops the fraction.
            "asks for a rotation by 19 degrees, turned by 0 degrees, the nearest quarter turn; "
            "mirroring cannot be read, for side data of an unknown kind",
        ),
    ],
)
def test_a_display_matrix_that_cannot_be_read(tmp_path, matrix, turned, reason):
    decoded = decode_clip(rotate(_photographed(tmp_path / "a.mov"), matrix), CONFIG)
    assert (decoded.source.rotation_deg, decoded.reason) == (turned, reason)
    assert decoded.status == ("repaired" if reason else "ok")


def _spherical(path: Path) -> Path:
    """The box of a spherical video: an equirectangular projection."""
    head = box(b"proj", box(b"prhd", numbers(0, 0, 0, 0)) + box(b"equi", numbers(0, 0, 0, 0, 0)))
    return into_mp4_video(path, box(b"sv3d", box(b"svhd", numbers(0) + b"lamo\0") + head))


def test_a_sphere_is_named(tmp_path):
    decoded = decode_clip(_spherical(encode(tmp_path / "a.mp4", T)), CONFIG)
    assert decoded.status == "repaired"
    assert decoded.reason == "a spherical picture (equirectangular), stored as it is"


@pytest.mark.parametrize(("mode", "name"), [(1, "top and bottom"), (2, "side by side")])
def test_two_eyes_are_named(tmp_path, mode, name):
    path = into_mp4_video(encode(tmp_path / "a.mp4", T), box(b"st3d", numbers(0) + bytes([mode])))
    decoded = decode_clip(path, CONFIG)
    assert decoded.status == "repaired"
    assert decoded.reason == f"a picture for two eyes ({name}), stored as it is"


def test_two_eyes_that_the_coded_stream_names(tmp_path):
    decoded = decode_clip(encode(tmp_path / "a.mkv", T, options={"x264-params": "frame-packing=3"}, ticks=1000), CONFIG)
    assert decoded.status == "repaired"
    assert decoded.reason == "a picture for two eyes (side by side), stored as it is"


def _dolby(path: Path, profile: int, compatible: int) -> Path:
    """The configuration of Dolby Vision: version 1.0, profile, level 4, metadata and base layer."""
    settings = profile << 9 | 4 << 3 | 0b101
    return into_mp4_video(
        path, box(b"dvcC", bytes([1, 0]) + settings.to_bytes(2, "big") + bytes([compatible << 4]) + bytes(19)), b"hvc1"
    )


def test_dolby_vision_without_a_base_that_others_understand(tmp_path):
    path = encode(tmp_path / "a.mp4", T, codec="libx265", options={"x265-params": "log-level=none:pools=none"})
    decoded = decode_clip(_dolby(_tagged(path), 5, 0), CONFIG)
    assert (decoded.status, decoded.reason) == (
        "quarantined",
        "Dolby Vision of profile 5: its colours cannot be converted",
    )
    assert decoded.source.codec == "hevc"


def test_dolby_vision_with_such_a_base(tmp_path):
    path = encode(tmp_path / "a.mp4", T, codec="libx265", options={"x265-params": "log-level=none:pools=none"})
    decoded = decode_clip(_dolby(_tagged(path), 8, 4), CONFIG)
    assert (decoded.status, decoded.reason) == ("repaired", "Dolby Vision of profile 8: its metadata are not used")


def _tagged(path: Path) -> Path:
    path.write_bytes(path.read_bytes().replace(b"hev1", b"hvc1"))
    return path


def test_tags_are_no_side_data(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["Side data"] = "\n    Side data:\n      Frame Cropping: 8/8/8/8"
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.metadata["title"] = "x\n    Side data:\n      DOVI configuration record: profile: 5, compatibility id: 0"
        container.mux(stream.encode(av.VideoFrame(64, 32, "yuv420p")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        said = declared(container, 0)
    assert (said.crop.left, said.notes) == (0, [])
