"""The picture of futures at forks."""

import numpy as np
from PIL import Image

from lamo.report.fork_sheet import brightest, fork_sheet


def test_the_brightest_window_of_each_kind_is_chosen():
    context = np.zeros((5, 2, 4, 8, 3), np.uint8)
    context[:, -1] = np.array([90, 10, 40, 200, 30])[:, None, None, None]
    context[1, 0] = 255  # the last frame counts
    assert brightest(context, ["light", "junction", "junction", "elsewhere", "light"]) == {"light": 0, "junction": 2}
    assert brightest(context, ["elsewhere"] * 5) == {}


def test_every_future_has_its_tile(tmp_path):
    generator = np.random.default_rng(0)
    context, truth = (generator.integers(0, 255, (3, 4, 8, 16, 3)).astype(np.uint8) for _ in range(2))
    rows = {"ideal_futures": generator.integers(0, 255, (3, 5, 4, 8, 16, 3)).astype(np.uint8)}
    rows["constant_motion"] = rows["ideal_futures"][:, :1]
    path = tmp_path / "sheet.png"
    fork_sheet(path, context, truth, rows, {"junction": 2, "light": 0}, 0.8, tile_width=32)
    sheet = np.asarray(Image.open(path))
    tile = rows["ideal_futures"][2, 4, -1].repeat(2, axis=0).repeat(2, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (16, 32, 3))[:, :, 0]
    places = np.argwhere((windows == tile).all(axis=(2, 3, 4)))
    assert len(places) == 1
    fork_sheet(path, context, truth, rows, {}, 0.8)
    with Image.open(path) as empty:
        assert empty.height == 60
