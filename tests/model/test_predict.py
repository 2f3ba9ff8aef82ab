"""`lamo predict`: every kind of file that it writes, from every moment, and its one line for whatever is wrong."""

from fractions import Fraction

import av
import numpy as np
import pytest
import zarr
from model.conftest import HEIGHT, WIDTH
from PIL import Image

from lamo.cli import main
from lamo.world.write import write_video


@pytest.fixture
def predict(model_dir, video, tmp_path, capsys):
    """Runs the command into tmp_path; returns status, path of the output, standard error."""

    def run(output="futures.npz", *arguments, video=video, model=model_dir):
        path = tmp_path / output
        given = ["predict", str(video), "-o", str(path), "--model", str(model), "--device", "cpu", *arguments]
        return main(given), path, capsys.readouterr()

    return run


def test_arrays_hold_what_was_seen_what_came_and_the_futures(predict):
    status, path, output = predict("futures.npz", "--at", "1.5", "--seconds", "1", "--samples", "2")
    assert status == 0
    assert output.out == f"{path}: 2 futures of 1 s from 1.4 s on\n"
    with np.load(path) as arrays:
        assert arrays["observed"].shape == (8, HEIGHT, WIDTH, 3)
        assert arrays["futures"].shape == (2, 5, HEIGHT, WIDTH, 3)
        assert arrays["truth"].shape == (5, HEIGHT, WIDTH, 3)
        np.testing.assert_allclose(arrays["times_s"], [0.2, 0.4, 0.6, 0.8, 1.0])
        seen = arrays["observed"]
    _, other, _ = predict("others.zarr", "--at", "1.5", "--seconds", "1", "--samples", "2", "--seed", "1")
    group = zarr.open_group(str(other), mode="r")
    np.testing.assert_array_equal(group["observed"][:], seen)
    assert group["futures"].shape == (2, 5, HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(("at", "begins"), [("1.2", "1.2"), ("1.3", "1.2"), ("1.0", "1")])
def test_the_moment_is_one_of_the_grid_whatever_the_rate_of_the_video(predict, tmp_path_factory, at, begins):
    path = tmp_path_factory.mktemp("ntsc") / "ntsc.mp4"
    # 29.97 per second: no frame is shown at 1.2 s, the nearest one is 1 ms later.
    write_video(path, np.zeros((60, 40, 60, 3), np.uint8), fps=Fraction(30000, 1001))
    status, _, said = predict("futures.npz", "--at", at, "--seconds", "0.2", "--samples", "1", video=path)
    assert status == 0
    assert said.out.endswith(f": a future of 0.2 s from {begins} s on\n")


def test_a_store_of_before_is_replaced_and_no_other_folder(predict, tmp_path):
    for seconds in ("0.2", "0.4"):
        _, path, _ = predict("futures.zarr", "--seconds", seconds, "--samples", "1")
    assert zarr.open_group(str(path), mode="r")["futures"].shape[1] == 2
    assert zarr.open_group(str(path), mode="r")["truth"].shape[0] == 0
    (tmp_path / "frames.zarr").mkdir()
    (tmp_path / "frames.zarr" / "zarr.json").write_text("{}")
    status, path, said = predict("frames.zarr")
    assert status == 2
    assert "found a folder, expected nothing or futures of before" in said.err
    assert (path / "zarr.json").read_text() == "{}"


def test_the_video_itself_is_not_replaced(predict, video):
    before = video.read_bytes()
    status, _, said = predict(video)
    assert status == 2
    assert "found the video itself" in said.err
    assert video.read_bytes() == before


def test_what_was_wrong_with_the_video_is_said(predict, video, tmp_path_factory):
    cut = tmp_path_factory.mktemp("cut") / "cut.mkv"
    write_video(cut, np.random.default_rng(2).integers(0, 255, (60, 40, 60, 3), np.uint8), fps=10)
    cut.write_bytes(cut.read_bytes()[: 2 * cut.stat().st_size // 3])
    status, _, said = predict("futures.npz", "--seconds", "0.2", "--samples", "1", video=cut)
    assert status == 0
    assert said.err.startswith(f"{cut}: ")


def test_from_the_end_nothing_more_is_known(predict):
    _, path, _ = predict("futures.npz", "--seconds", "0.4", "--samples", "1")
    with np.load(path) as arrays:
        assert arrays["truth"].shape == (0, HEIGHT, WIDTH, 3)
        assert arrays["observed"].shape == (10, HEIGHT, WIDTH, 3)


def test_a_video_shows_first_what_was_seen_then_the_futures(predict):
    _, path, _ = predict("futures.mp4", "--at", "2.0", "--seconds", "2", "--samples", "6")
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 5
    # 10 frames that were seen, 10 that are predicted; seven tiles in rows of four.
    assert len(pictures) == 20
    assert pictures[0].shape[1] >= 4 * 240


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_moving_images_have_every_frame(predict, ending):
    _, path, _ = predict(f"futures.{ending}", "--seconds", "1", "--samples", "2")
    with Image.open(path) as image:
        assert image.n_frames == 10 + 5


def test_the_seed_decides(predict):
    futures = []
    for name, seed in (("a.npz", "3"), ("b.npz", "3"), ("c.npz", "4")):
        _, path, _ = predict(name, "--seconds", "0.4", "--samples", "1", "--seed", seed)
        with np.load(path) as arrays:
            futures.append(arrays["futures"])
    np.testing.assert_array_equal(futures[0], futures[1])
    assert (futures[0] != futures[2]).any()


@pytest.mark.parametrize(
    ("output", "arguments", "message"),
    [
        ("futures.avi", (), "found the ending '.avi', expected one of .mp4, .gif, .webp, .npz, .zarr"),
        ("no/futures.mp4", (), "expected one to write to; make it first"),
        ("futures.mp4", ("--at", "99"), "found the moment 99 s, expected one within the video, 0 to 2.8 s"),
        ("futures.mp4", ("--at", "0.3"), "found 2 frames up to 0.3 s, expected at least 4"),
        ("futures.mp4", ("--predictor", "none"), "found no predictor 'none', expected one of flow, gmm"),
        ("futures.mp4", ("--sampler", "9"), "found '9', expected a sampler of kind gmm"),
        ("futures.mp4", ("--samples", "0"), "found 0 samples"),
        ("futures.mp4", ("--seconds", "0"), "found 0 s, expected a step of 0.2 s or more"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(predict, tmp_path, output, arguments, message):
    status, path, said = predict(output, *arguments)
    assert status == 2
    assert said.err.splitlines()[-1].startswith("lamo predict: ")
    assert message in said.err
    assert list(tmp_path.iterdir()) == []
    assert not path.exists()


def test_what_is_no_video_is_refused(predict, tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    (folder / "text.mp4").write_text("no video")
    (folder / "empty.mp4").touch()
    write_video(folder / "short.mp4", np.zeros((4, 40, 60, 3), np.uint8), fps=10)
    for name, message in (
        ("text.mp4", "text.mp4: found no usable video: not a video that can be opened"),
        ("empty.mp4", "empty.mp4: found no usable video: empty file (0 bytes)"),
        ("nowhere.mp4", "nowhere.mp4: found no usable video: cannot be read"),
        (
            "short.mp4",
            "found 2 frames up to 0.2 s, expected at least 4, which show how things move; give a longer video",
        ),
    ):
        status, path, said = predict("futures.mp4", video=folder / name)
        assert (status, path.exists()) == (2, False)
        assert message in said.err


def test_a_folder_that_is_no_model_is_refused(predict, tmp_path):
    status, _, said = predict("futures.mp4", model=tmp_path)
    assert status == 2
    assert "expected the folder of a model or of a finished run" in said.err


def test_a_file_of_before_stays_where_the_disk_is_full(predict, monkeypatch):
    _, path, _ = predict("futures.npz", "--seconds", "0.2", "--samples", "1")
    before = path.read_bytes()

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    status, _, said = predict("futures.npz", "--seconds", "0.4", "--samples", "1")
    assert status == 2
    assert "No space left on device" in said.err
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
