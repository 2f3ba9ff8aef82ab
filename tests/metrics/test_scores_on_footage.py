"""The distances on ImageNet features on footage that nobody here drew: clips of TORCS at 32 x 64 pixels."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.made_forecasts import Made
from benchmarks.scores import BEST, BETWEEN, COLUMNS, ELSEWHERE, NOISE, score
from lamo.metrics.features.imagenet import ImageNetFeatures
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip

TORCS = Path(__file__).resolve().parents[3] / "shared" / "data" / "torcs"
CLIPS, PER_CLIP = 32, 12
SMALL, LARGE = 0.03, 0.06

pytestmark = pytest.mark.skipif(not TORCS.exists(), reason="needs clips of TORCS, which are not part of the project")


def frames_of(split: str, first: int) -> np.ndarray:
    """Frames of 32 clips of a split, every fifth from the frame `first` on: uint8 [32 * 12, 32, 64, 3]."""
    paths = sorted((TORCS / split).glob("*.mp4"))
    chosen = [paths[int(place)] for place in np.linspace(0, len(paths) - 1, CLIPS)]
    config = FramesConfig(height=32, width=64, rate_hz=5.0)
    return np.concatenate([decode_clip(path, config).frames[first::5][:PER_CLIP] for path in chosen])


@pytest.fixture(scope="module")
def found() -> dict[float, dict[str, tuple[float, ...]]]:
    """Distances from true frames: of frames of the same clips 0.4 s later, whole and spoilt, and of other tracks."""
    truth, later, tracks = frames_of("val", 0), frames_of("val", 2), frames_of("train", 2)
    made = Made(truth, later[:, None], truth, tracks[:, None], np.arange(CLIPS).repeat(PER_CLIP))
    extract = ImageNetFeatures()
    return {size: score(made, size, extract) for size in (SMALL, LARGE)}


@pytest.mark.parametrize("distance", [2, 3], ids=COLUMNS[2:])
def test_distances_grow_with_an_error_of_any_kind(found, distance):
    small, large = ({name: values[distance] for name, values in found[size].items()} for size in (SMALL, LARGE))
    for name in (*BETWEEN, NOISE):
        assert small[BEST] < small[name] < large[name]


@pytest.mark.parametrize("distance", [2, 3], ids=COLUMNS[2:])
def test_of_large_errors_confetti_is_taken_for_the_best_which_people_would_not(found, distance):
    """On the synthetic world it is the worst. Who finds that this has changed should say so in docs/scores.md."""
    assert found[LARGE][NOISE][distance] < min(found[LARGE][name][distance] for name in BETWEEN)


@pytest.mark.parametrize("distance", [2, 3], ids=COLUMNS[2:])
def test_other_tracks_are_farther_than_the_same_and_nearer_than_spoilt_pictures(found, distance):
    of_all = {name: values[distance] for name, values in found[LARGE].items()}
    assert of_all[BEST] < of_all[ELSEWHERE] < min(of_all[name] for name in (*BETWEEN, NOISE))
