"""Predictions of somebody else's model: what is read of arrays and videos, and what is refused."""

from fractions import Fraction

import av
import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.tools.score.predictions import Expected, none_there, read_predictions

IDS = [f"several-{number:04d}" for number in range(5)]
EXPECTED = Expected(steps=6, height=16, width=32, rate_hz=5.0)


@pytest.fixture
def frames() -> np.ndarray:
    """[W, S, T, H, W, 3]"""
    return np.random.default_rng(0).integers(0, 256, (len(IDS), 2, *EXPECTED.shape), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path, frames):
    for name, one in zip(IDS, frames, strict=True):
        np.save(tmp_path / f"{name}.npy", one)
    return tmp_path


def write_video(path, frames, codec="libx264rgb", pixels="rgb24", rate=5, **options) -> None:
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        stream.options = {"crf": "0"} if codec == "libx264rgb" else options
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def put_videos(folder, name, samples, **options) -> None:
    """Videos in the place of the array of a window."""
    (folder / f"{name}.npy").unlink()
    for number, sample in enumerate(samples):
        write_video(folder / name / f"{number}.mp4", sample, **options)


def test_arrays_come_back_window_by_window(folder, frames):
    (folder / "notes.txt").write_text("of the author")
    np.testing.assert_array_equal(read_predictions(folder, IDS, EXPECTED), frames)
    picked = read_predictions(folder, [IDS[3], IDS[1]], EXPECTED)
    np.testing.assert_array_equal(picked, frames[[3, 1]])


def test_videos_without_loss_are_the_same_as_arrays(folder, frames):
    put_videos(folder, IDS[0], frames[0])
    put_videos(folder, IDS[4], frames[4])
    write_video(folder / IDS[4] / "1.mkv", frames[4, 1], codec="ffv1", pixels="bgr0")
    (folder / IDS[4] / "1.mp4").unlink()
    (folder / IDS[4] / ".DS_Store").touch()
    np.testing.assert_array_equal(read_predictions(folder, IDS, EXPECTED), frames)


def test_a_usual_video_is_nearly_the_same(folder):
    smooth = np.broadcast_to(np.arange(0, 192, 6, dtype=np.uint8)[:, None], (2, *EXPECTED.shape))
    put_videos(folder, IDS[0], smooth, codec="libx264", pixels="yuv420p", crf="4")
    found = read_predictions(folder, IDS[:1], EXPECTED)
    assert np.abs(found[0].astype(float) - smooth).mean() < 2


def test_whether_there_is_any_prediction(folder):
    assert not none_there(folder, IDS)
    assert none_there(folder, ["single-0000", "single-0001"])
    (folder / "single-0001").mkdir()
    assert not none_there(folder, ["single-0000", "single-0001"])


def replaced(values):
    return lambda folder, frames: np.save(folder / f"{IDS[2]}.npy", values(frames[2]))


def videos(change, **options):
    return lambda folder, frames: put_videos(folder, IDS[2], change(frames[2]), **options)


def _lost(folder, frames):
    for name in IDS[1:]:
        (folder / f"{name}.npy").unlink()


def _pickled(folder, frames):
    np.save(folder / f"{IDS[2]}.npy", np.array([{}], dtype=object), allow_pickle=True)


def _cut_off(folder, frames):
    file = folder / f"{IDS[2]}.npy"
    file.write_bytes(file.read_bytes()[:1000])


def _nothing(folder, frames):
    (folder / f"{IDS[2]}.npy").write_bytes(b"")


def _both(folder, frames):
    (folder / IDS[2]).mkdir()


def _empty(folder, frames):
    put_videos(folder, IDS[2], [])
    (folder / IDS[2]).mkdir()


def _no_video(folder, frames):
    put_videos(folder, IDS[2], frames[2])
    (folder / IDS[2] / "notes.txt").touch()


def _broken_video(folder, frames):
    put_videos(folder, IDS[2], frames[2])
    (folder / IDS[2] / "1.mp4").write_bytes(b"no video at all")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_lost, r"found no prediction of 4 of 5 windows \(several-0001, several-0002, several-0003, ...\), expected"),
        (replaced(lambda x: x / 255), r"type float64, expected uint8, 0 to 255; if it is in 0..1, .*\(255 \* x\)"),
        (replaced(lambda x: x.astype(np.int64)), "type int64, expected uint8"),
        (replaced(lambda x: x[:, :4]), r"shape \(2, 4, 16, 32, 3\), expected \(samples, 6, 16, 32, 3\)"),
        (replaced(lambda x: np.repeat(x, 2, axis=1)), r"shape \(2, 12, 16, 32, 3\)"),
        (replaced(lambda x: np.repeat(x, 2, axis=3)), r"shape \(2, 6, 16, 64, 3\)"),
        (replaced(lambda x: x[0]), r"shape \(6, 16, 32, 3\)"),
        (replaced(lambda x: x[:0]), r"shape \(0, 6, 16, 32, 3\)"),
        (replaced(lambda x: x[:1]), "found 1 sample, expected 2 as in several-0000"),
        (replaced(lambda x: x[[0, 1, 1]]), "found 3 samples, expected 2 as in several-0000"),
        (_pickled, "several-0002.npy: not an array that can be read"),
        (_cut_off, "several-0002.npy: not an array that can be read"),
        (_nothing, "several-0002.npy: not an array that can be read"),
        (_both, "several-0002.npy: found several-0002 beside it"),
        (_empty, "several-0002: found an empty folder, expected a video"),
        (_no_video, "notes.txt: found no video"),
        (_broken_video, "1.mp4: found a video that is not whole"),
        (videos(lambda x: x[:, :4]), "0.mp4: found 4 frames at 5 per second, expected 6"),
        (videos(lambda x: x, rate=25), "0.mp4: found 2 frames at 5 per second, expected 6"),
        (videos(lambda x: np.repeat(x, 2, axis=3)), "0.mp4: found frames of 64 x 16 pixels, expected 32 x 16"),
        (videos(lambda x: x[:1]), "several-0002: found 1 sample, expected 2"),
    ],
)
def test_what_cannot_be_scored_is_named_in_one_line(folder, frames, spoil, words):
    spoil(folder, frames)
    with pytest.raises(LamoError, match=words) as error:
        read_predictions(folder, IDS, EXPECTED)
    assert len(str(error.value).splitlines()) == 1


def test_windows_with_one_future_take_one(folder, frames):
    with pytest.raises(LamoError, match="found 2 samples, expected 1 as windows with one future have"):
        read_predictions(folder, IDS, EXPECTED, samples=1)
    for name, one in zip(IDS, frames, strict=True):
        np.save(folder / f"{name}.npy", one[:1])
    np.testing.assert_array_equal(read_predictions(folder, IDS, EXPECTED, samples=1), frames[:, :1])
