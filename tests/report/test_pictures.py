"""Figures and videos: right sizes, right content, right numbers of frames."""

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lamo.drawing import enlarge
from lamo.errors import LamoError
from lamo.report.figures import loss_curves, metric_curves
from lamo.report.looks_figure import looks_figure
from lamo.report.sheet import choose_windows, contact_sheet
from lamo.report.style import COLOURS, line_styles
from lamo.report.videos import rollout_video
from lamo.rollout.control_names import ALL_CONTROLS
from lamo.stores.rollouts import Window


def draw_sheet(path, run, predictions, chosen, tile_width=64):
    truth = run.truth.frames[:, 0]
    contact_sheet(path, run.context, truth, predictions, run.truth.windows, chosen, 5.0, tile_width)
    return np.asarray(Image.open(path))


def contains(picture: np.ndarray, tile: np.ndarray) -> bool:
    height, width = tile.shape[:2]
    starts = np.argwhere((picture == tile[0, 0]).all(axis=-1))
    return any(np.array_equal(picture[y : y + height, x : x + width], tile) for y, x in starts)


def test_sheet_holds_every_frame_unsmoothed(run, tmp_path):
    predictions = {name: run.predictions[name] for name in ("flow-20", "persistence_pixels")}
    sheet = draw_sheet(tmp_path / "sheet.png", run, predictions, [1, 4])
    for window in (1, 4):
        for frames in (
            run.context[window, -2:],
            run.truth.frames[window, 0],
            *(p[window] for p in predictions.values()),
        ):
            assert all(contains(sheet, tile) for tile in enlarge(frames[[0, -1]], 64))
    assert not contains(sheet, enlarge(run.truth.frames[2, 0, 0], 64))


def test_sheet_grows_with_windows_and_rows(run, tmp_path):
    def size(predictions, chosen):
        return draw_sheet(tmp_path / "sheet.png", run, predictions, chosen).shape

    one = {"gmm": run.predictions["gmm"]}
    two = one | {"flow-20": run.predictions["flow-20"]}
    base, more_rows, more_windows = size(one, [0]), size(two, [0]), size(one, [0, 2])
    assert base[1] == more_rows[1] == more_windows[1] > 10 * 64
    assert more_rows[0] - base[0] == 48 + 3
    assert more_windows[0] > base[0] + 2 * 48


def test_sheet_refuses_other_shapes(run, tmp_path):
    with pytest.raises(LamoError, match="gmm has frames"):
        draw_sheet(tmp_path / "sheet.png", run, {"gmm": run.predictions["gmm"][:, :5]}, [0])


def test_windows_with_motion_one_per_clip():
    context, truth = np.zeros((4, 2, 4, 4, 3), np.uint8), np.zeros((4, 3, 4, 4, 3), np.uint8)
    for window, amount in enumerate((10, 50, 40, 20)):
        truth[window, 1] = amount
    windows = [Window("a", 0), Window("b", 0), Window("b", 5), Window("c", 0)]
    assert choose_windows(context, truth, windows, 2) == [1, 3]
    assert choose_windows(context, truth, windows, 9) == [0, 1, 3]


def test_enlarging_keeps_pixels():
    frame = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert enlarge(frame, 16).shape == (8, 16, 3)
    np.testing.assert_array_equal(enlarge(frame, 16)[::4, ::4], frame)
    np.testing.assert_array_equal(enlarge(frame, 1), frame)


@pytest.mark.parametrize("labels", [["flow-20"], ["flow-20", "gmm", "persistence_pixels"]])
def test_video_decodes_to_all_frames(run, tmp_path, labels):
    truth = run.truth.frames[0, 0]
    predictions = {label: run.predictions[label][0] for label in labels}
    for name in ("a.mp4", "b.mp4"):
        rollout_video(tmp_path / name, run.context[0], truth, predictions, 5.0, tile_width=64)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert stream.average_rate == 5
        assert stream.codec_context.name == "h264"
    assert len(frames) == 4 + 8
    assert frames[0].shape[0] % 32 == frames[0].shape[1] % 32 == 0
    tile = enlarge(truth[-1], 64).astype(int)
    shown = frames[-1][26 : 26 + tile.shape[0], 6 : 6 + tile.shape[1]]
    assert np.abs(shown - tile).mean() < 25
    assert np.abs(shown - tile).mean() < 0.5 * np.abs(frames[0][26 : 26 + 48, 6 : 6 + 64] - tile).mean()
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_curves_are_drawn(scores, tmp_path):
    for name in ("a.png", "b.png"):
        metric_curves(tmp_path / name, scores.summary)
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    assert picture.shape[1] == round(2 * 5.2 * 130)
    for shown in COLOURS[:2]:
        colour = [int(shown[i : i + 2], 16) for i in (1, 3, 5)]
        assert (picture == colour).all(axis=-1).sum() > 100
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_looks_against_coverage_has_a_point_for_each_row_that_has_both(scores, tmp_path, monkeypatch):
    summary = scores.summary
    looks_figure(tmp_path / "none.png", summary)  # no ImageNet features among those of this run
    monkeypatch.setattr("lamo.report.looks_figure.LOOKS", "kid_grid")
    for name in ("a.png", "b.png"):
        looks_figure(tmp_path / name, summary)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    for name, found in (("a.png", True), ("none.png", False)):
        picture = np.asarray(Image.open(tmp_path / name).convert("RGB"))
        colour = [int(COLOURS[0][i : i + 2], 16) for i in (1, 3, 5)]
        assert ((abs(picture.astype(int) - colour).max(axis=-1) < 30).sum() > 20) == found


def test_methods_look_different():
    learned = [(f"entry-{number}", f"entry-{number}") for number in range(len(COLOURS))]
    controls = [(name, "-") for name in ALL_CONTROLS]
    styles = line_styles([*learned, *controls])
    assert len({style.colour for style in styles.values()}) == len(styles)
    assert not any(styles[row].dashes for row in learned)
    assert len({styles[row].dashes for row in controls}) == len(controls)


def test_colours_and_markers_follow_the_order_of_the_rows():
    rows = [("oracle_motion", "-"), ("mine", "mine-5"), ("mine", "mine-20"), ("flow", "flow-20")]
    styles = line_styles(rows)
    assert [styles[row].colour for row in rows[1:]] == [COLOURS[0], COLOURS[0], COLOURS[1]]
    assert styles[rows[1]].marker != styles[rows[2]].marker
    many = [(f"entry{number}", "-20") for number in range(len(COLOURS) + 1)]
    first, last = (line_styles(many)[row] for row in (many[0], many[-1]))
    assert first.colour == last.colour
    assert first.marker != last.marker


def write_log(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_losses_are_drawn_with_gaps(tmp_path):
    logs = {
        f"flow_{i}": write_log(
            tmp_path / f"{i}.parquet",
            step=[0, 10, 20],
            samples=[64, 640, 1280],
            samples_per_s=[1.0, 2.0, 2.0],
            loss=[9.0, 1.0, 0.1],
            validation=[2.0, None, 1.0],
        )
        for i in range(2)
    }
    loss_curves(tmp_path / "loss.png", logs)
    assert Image.open(tmp_path / "loss.png").width == round(2 * 3.9 * 130)


def test_bad_logs_are_named(tmp_path):
    with pytest.raises(LamoError, match=r"a\.parquet: found columns \['loss'\], expected one named step"):
        loss_curves(tmp_path / "x.png", {"a": write_log(tmp_path / "a.parquet", loss=[1.0])})
    with pytest.raises(LamoError, match="found no series"):
        loss_curves(tmp_path / "x.png", {"b": write_log(tmp_path / "b.parquet", step=[1])})
    with pytest.raises(LamoError, match=r"c\.parquet: not a readable"):
        loss_curves(tmp_path / "x.png", {"c": tmp_path / "c.parquet"})
    assert not (tmp_path / "x.png").exists()


ODD = ("视频甲", "视频乙")


@pytest.mark.parametrize("names", [ODD, ("drive-" * 60 + "a", "drive-" * 60 + "b"), ("दिल्ली", "मुंबई")])
def test_sheets_of_two_clips_look_different(run, tmp_path, names):
    """Their frames are the same; what differs is a name that the font lacks, or that has no room."""
    sheets = []
    for name in names:
        truth = run.truth.frames[:1, 0]
        contact_sheet(tmp_path / "a.png", run.context[:1], truth, {}, [Window(name, 5)], [0], 5.0, 64)
        sheets.append(np.asarray(Image.open(tmp_path / "a.png")))
    assert sheets[0].shape == sheets[1].shape
    assert (sheets[0] != sheets[1]).any()
    # The frame from which the context begins is told behind the longest name.
    other = tmp_path / "b.png"
    contact_sheet(other, run.context[:1], truth, {}, [Window(names[1], 6)], [0], 5.0, 64)
    assert (np.asarray(Image.open(other)) != sheets[1]).any()


@pytest.mark.parametrize("names", [ODD, ("entry-" * 30 + "a", "entry-" * 30 + "b")])
def test_rows_of_sheets_and_videos_look_different(run, tmp_path, names):
    truth, frames = run.truth.frames[:, 0], run.predictions["gmm"]
    sheets, videos = [], []
    for name in names:
        sheets.append(draw_sheet(tmp_path / "a.png", run, {name: frames}, [0]))
        rollout_video(tmp_path / "a.mp4", run.context[0], truth[0], {name: frames[0]}, 5.0, tile_width=128)
        videos.append((tmp_path / "a.mp4").read_bytes())
    assert (sheets[0] != sheets[1]).any()
    assert videos[0] != videos[1]


@pytest.mark.filterwarnings("error:Glyph")
def test_rows_of_figures_look_different_and_are_no_formulas(scores, tmp_path):
    pictures = []
    for name in (*ODD, "cost $5 and $6"):
        rows = [
            row | {"sampler": name if row["sampler"] == "gmm" else row["sampler"]} for row in scores.summary.to_pylist()
        ]
        metric_curves(tmp_path / "a.png", pa.Table.from_pylist(rows))
        pictures.append((tmp_path / "a.png").read_bytes())
    assert len(set(pictures)) == 3
