"""Transfers and primaries: what is not BT.709 is shown as BT.709 shows it, and the row of the clip says so."""

from pathlib import Path

import av
import numpy as np
import pytest

from lamo.video.colour import BT709, HLG, PQ, PRIMARIES, Colours, colours
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip
from lamo.video.light import CHROMATICITIES, hlg_decoded, pq_decoded, pq_encoded, to_bt709, to_xyz
from lamo.video.tone import WHITE, gain, rolled_off

CONFIG = FramesConfig(rate_hz=10, min_frames=3)
COLOURS = np.array([(200, 40, 60), (30, 180, 90), (20, 60, 220), (255, 255, 255), (10, 10, 10), (128, 128, 128)])
UNSAID, BT2020 = 2, 9
# From light of BT.709 to that of BT.2020: ITU-R BT.2087, table 1.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
# The weights of red and blue in the luma of BT.2020 and of BT.709.
WEIGHTS = {9: (0.2627, 0.0593), 1: (0.2126, 0.0722)}


def _pq(light: np.ndarray) -> np.ndarray:
    """The signal of light in cd/m2, by the definition of SMPTE ST 2084."""
    power = (light / 10000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def _hlg(light: np.ndarray) -> np.ndarray:
    """The signal of light in cd/m2 on a display of 1000 cd/m2, by the definition of ITU-R BT.2100."""
    shown = light / 1000
    luminance = max(float(np.array([0.2627, 0.6780, 0.0593]) @ shown), 1e-12)
    scene = shown * luminance ** ((1 - 1.2) / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-12)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


SIGNALS = {PQ: _pq, HLG: _hlg}


def _video(
    path: Path,
    signals: list[np.ndarray],
    transfer: int,
    primaries: int,
    matrix: int = 9,
    weights: tuple[float, float] | None = None,
) -> Path:
    """Ten bit video of flat pictures of the given signals, red, green and blue of 0 to 1."""
    weights = weights or WEIGHTS.get(matrix, WEIGHTS[9])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv444p10le"
        stream.options = {"crf": "1"}
        context = stream.codec_context
        context.color_range, context.colorspace = 1, matrix
        context.color_trc, context.color_primaries = transfer, primaries
        for signal in signals:
            frame = av.VideoFrame(128, 64, "yuv444p10le")
            frame.color_range, frame.colorspace = 1, matrix
            frame.color_trc, frame.color_primaries = transfer, primaries
            for plane, value in zip(frame.planes, _numbers(signal, weights), strict=True):
                plane.update(np.full(plane.buffer_size // 2, value, dtype=np.uint16).tobytes())
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _numbers(signal: np.ndarray, weights: tuple[float, float]) -> list[int]:
    red, blue = weights
    luma = red * signal[0] + (1 - red - blue) * signal[1] + blue * signal[2]
    chroma = [(signal[2] - luma) / (2 * (1 - blue)), (signal[0] - luma) / (2 * (1 - red))]
    return [round(4 * (16 + 219 * luma)), *(round(4 * (128 + 224 * value)) for value in chroma)]


def _light(colour: np.ndarray, white: float = 203) -> np.ndarray:
    """What a display of BT.709 of that white shows for a colour, as light of BT.2020 in cd/m2."""
    return TO_BT2020 @ (white * (colour / 255) ** 2.4)


def _stored(decoded) -> np.ndarray:
    return decoded.frames[:, 16, 32].astype(int)


@pytest.mark.parametrize("primaries", [BT2020, UNSAID])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_scene_no_brighter_than_white_comes_out_as_in_bt709(tmp_path, transfer, primaries):
    signals = [SIGNALS[transfer](_light(colour)) for colour in COLOURS]
    decoded = decode_clip(_video(tmp_path / "a.mp4", signals, transfer, primaries), CONFIG)
    np.testing.assert_allclose(_stored(decoded), COLOURS, atol=6)
    name = {PQ: "smpte2084", HLG: "arib-std-b67"}[transfer]
    assert (decoded.status, decoded.reason) == (
        "repaired",
        f"transfer {name} and primaries bt2020 shown as bt709 (white at 203 cd/m2)",
    )
    assert (decoded.source.transfer, decoded.source.primaries) == (name, "bt2020" if primaries == BT2020 else None)


@pytest.mark.parametrize("matrix", [9, UNSAID])
def test_the_matrix_of_bt2020_is_meant_where_none_is_said(tmp_path, matrix):
    signals = [_pq(_light(colour)) for colour in COLOURS]
    decoded = decode_clip(_video(tmp_path / "a.mp4", signals, PQ, BT2020, matrix), CONFIG)
    np.testing.assert_allclose(_stored(decoded), COLOURS, atol=6)


@pytest.mark.parametrize(
    ("transfer", "primaries", "meant"),
    [
        *[(1, 1, 1), (1, UNSAID, 1), (UNSAID, 1, 1), (6, 1, 1), (13, 1, 1), (1, 12, 1), (PQ, 1, 1)],
        *[(14, UNSAID, 9), (15, UNSAID, 9), (UNSAID, 9, 9), (1, 9, 9), (HLG, UNSAID, 9)],
        *[(1, 6, 6), (6, 5, 6), (6, UNSAID, 6), (UNSAID, UNSAID, 6)],
    ],
)
def test_the_matrix_that_is_meant_where_none_is_said(tmp_path, transfer, primaries, meant):
    """By the primaries, else by the transfer; where neither speaks for another, BT.601's. The bytes are those of a file
    that names it.
    """
    how = (list(COLOURS / 255), transfer, primaries)
    unsaid, named = _video(tmp_path / "a.mp4", *how, UNSAID), _video(tmp_path / "b.mp4", *how, meant, WEIGHTS[9])
    np.testing.assert_array_equal(decode_clip(unsaid, CONFIG).frames, decode_clip(named, CONFIG).frames)


def test_rgb_has_no_matrix(tmp_path):
    """Whatever it says of its primaries."""
    paths = []
    for primaries in (1, 9, UNSAID):
        paths.append(tmp_path / f"{primaries}.mkv")
        with av.open(str(paths[-1]), "w") as container:
            stream = container.add_stream("ffv1", rate=10)
            stream.width, stream.height, stream.pix_fmt = 128, 64, "bgr0"
            stream.codec_context.color_trc, stream.codec_context.color_primaries = 1, primaries
            for colour in COLOURS:
                picture = np.broadcast_to(colour.astype(np.uint8), (64, 128, 3))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
            container.mux(stream.encode())
    said, wide, unsaid = [decode_clip(path, CONFIG) for path in paths]
    assert (said.source.primaries, wide.source.primaries, unsaid.source.primaries) == ("bt709", "bt2020", None)
    np.testing.assert_array_equal(said.frames, unsaid.frames)
    np.testing.assert_array_equal(_stored(said), COLOURS)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_what_is_brighter_than_white_is_rolled_off(tmp_path, transfer):
    lights = [0.5, 5, 20, 60, 203, 400, 700, 1000]
    signals = [SIGNALS[transfer](np.full(3, light)) for light in lights]
    decoded = decode_clip(_video(tmp_path / "a.mp4", signals, transfer, BT2020), CONFIG)
    greys = _stored(decoded)
    assert np.abs(greys - greys[:, :1]).max() <= 1
    assert (np.diff(greys[:6, 0]) > 0).all()
    assert (np.diff(greys[:, 0]) >= 0).all()
    assert greys[-1, 0] >= 253
    # Dark and middle grey stay where they are.
    np.testing.assert_allclose(greys[:4, 0], 255 * (np.array(lights[:4]) / 203) ** (1 / 2.4), atol=3)
    assert "(white at 203 cd/m2, light up to " in decoded.reason


@pytest.mark.parametrize("primaries", [5, 6, 9, 11, 12])
def test_other_primaries(tmp_path, primaries):
    """Colours within both gamuts: made by the matrix of the chromaticities, they come out as they were."""
    soft = 90 + COLOURS // 3
    there = np.linalg.inv(to_bt709(primaries))
    signals = [(there @ (colour / 255) ** 2.4) ** (1 / 2.4) for colour in soft]
    decoded = decode_clip(_video(tmp_path / "a.mp4", signals, BT709, primaries, 1), CONFIG)
    np.testing.assert_allclose(_stored(decoded), soft, atol=3)
    assert (decoded.status, decoded.reason) == ("repaired", f"primaries {PRIMARIES[primaries]} shown as bt709")


@pytest.mark.parametrize(("transfer", "name", "exponent"), [(4, "bt470m", 2.2), (5, "bt470bg", 2.8)])
def test_other_curves(tmp_path, transfer, name, exponent):
    signals = [(colour / 255) ** (2.4 / exponent) for colour in COLOURS]
    decoded = decode_clip(_video(tmp_path / "a.mp4", signals, transfer, BT709, 1), CONFIG)
    np.testing.assert_allclose(_stored(decoded), COLOURS, atol=3)
    assert decoded.reason == f"transfer {name} shown as bt709"


def test_a_curve_without_a_formula_is_named(tmp_path):
    decoded = decode_clip(_video(tmp_path / "a.mp4", list(COLOURS / 255), 9, BT709, 1), CONFIG)
    assert (decoded.status, decoded.reason) == ("repaired", "transfer log100 cannot be converted, taken for bt709")
    assert decoded.source.transfer == "log100"


@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14])
def test_video_of_bt709_is_left_alone(tmp_path, transfer):
    """Whatever it is called: the bytes are those of a file that says nothing of transfer and primaries."""
    said = decode_clip(_video(tmp_path / "a.mp4", list(COLOURS / 255), transfer, 1, 1), CONFIG)
    unsaid = decode_clip(_video(tmp_path / "b.mp4", list(COLOURS / 255), 2, 2, 1), CONFIG)
    assert (said.status, said.reason) == ("ok", "")
    np.testing.assert_array_equal(said.frames, unsaid.frames)


def test_matrices_of_primaries():
    np.testing.assert_allclose(np.linalg.inv(to_bt709(BT2020)), TO_BT2020, atol=2e-4)
    # SMPTE RP 177's worked example.
    np.testing.assert_allclose(to_xyz(BT709)[1], [0.2126, 0.7152, 0.0722], atol=1e-4)
    for primaries in CHROMATICITIES:
        np.testing.assert_allclose(to_bt709(primaries) @ np.ones(3), 1, atol=1e-9)


def test_curves_of_bt2100():
    levels = np.linspace(0, 1, 101)
    np.testing.assert_allclose(pq_encoded(pq_decoded(levels)), levels, atol=1e-6)
    np.testing.assert_allclose(100 * pq_decoded(_pq(np.array([1.0, 100, 203, 4000]))), [1, 100, 203, 4000], rtol=1e-6)
    # BT.2408: white at 203 cd/m2 has 75 % of HLG, and 58 % of PQ.
    assert float(hlg_decoded(np.array(0.75)) ** 1.2) == pytest.approx(0.203, abs=0.002)
    assert float(pq_encoded(np.array(2.03))) == pytest.approx(0.58, abs=0.002)


@pytest.mark.parametrize("brightest", [2.5, 6.0, 10.0, 40.0, 100.0])
def test_the_curve_of_bt2390(brightest):
    light = np.linspace(1e-4, brightest, 2000)
    mapped = rolled_off(light, brightest)
    assert (np.diff(mapped) > -1e-9).all()
    assert (mapped <= light * (1 + 1e-6)).all()
    assert mapped[-1] == pytest.approx(WHITE, rel=1e-6)
    knee = pq_decoded(1.5 * pq_encoded(np.array(WHITE)) - 0.5 * pq_encoded(np.array(brightest)))
    np.testing.assert_allclose(mapped[light < knee], light[light < knee], rtol=1e-6)
    # What is brighter than the brightest is white too.
    assert float(rolled_off(np.array(2 * brightest), brightest)) == pytest.approx(WHITE, rel=1e-6)
    assert gain(1.0).min() == gain(1.0).max() == pytest.approx(1 / WHITE)


def test_what_has_to_be_converted():
    """Not what a screen shows that was recorded (sRGB, 13): it is watched on the same display."""
    assert colours(13, 1) == colours(13, 2) == colours(2, 2) == Colours()
    assert [Colours(transfer).hdr for transfer in (1, 4, PQ, HLG)] == [False, False, True, True]
