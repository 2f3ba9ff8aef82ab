"""The benchmarks of what the model in Python can do: they compare what they say."""

import numpy as np
import pytest

import lamo
from benchmarks import grounding, planning
from lamo.rollout.windows import ClipFrames, choose_windows
from lamo.stores.frames import FramesWriter, open_frames


@pytest.fixture
def model(model_dir):
    return lamo.load(model_dir, "flow", device="cpu")


def test_frames_seen_meanwhile_are_scored_by_the_time_since(model, tmp_path):
    rng = np.random.default_rng(0)
    store, manifest = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    with FramesWriter(store, manifest, 16, 24) as writer:
        for name in ("a", "b", "c"):
            writer.add_clip(name, rng.integers(0, 256, (20, 16, 24, 3), dtype=np.uint8), np.arange(20) / 5)
    clips = ClipFrames(open_frames([str(store)], [str(manifest)]))
    windows = choose_windows(clips.lengths(), 16, 2, 2)
    found = grounding.scores(model, clips, windows, 2)
    assert {name: values.shape for name, values in found.items()} == dict.fromkeys(grounding.CASES, (6, 2, 8))
    assert len({values.tobytes() for values in found.values()}) == len(found)
    text = grounding.gains(found, windows, 5.0)
    assert text.count("\n| ") == 1 + len(grounding.CASES)
    assert text.count("±") == 8 * (len(grounding.CASES) - 1)


def test_a_picture_that_moves_to_the_right_is_seen_to():
    wide = np.random.default_rng(0).integers(0, 256, (16, 64, 3), dtype=np.uint8)
    right = np.stack([wide[:, 30 - 3 * step : 54 - 3 * step] for step in range(5)])
    assert planning.turned(np.stack([right, right[::-1], np.repeat(right[:1], 5, axis=0)])).tolist() == [12, -12, 0]
