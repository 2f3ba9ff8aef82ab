"""FVD: what I3D is given, the distance against a naive one, and files that are not I3D."""

import numpy as np
import pytest
import torch
from made_weights import made_i3d
from PIL import Image
from scipy.linalg import sqrtm
from torch import nn

from lamo.errors import LamoError
from lamo.metrics.catalogue import metric
from lamo.metrics.config import FVD_LEAST_FRAMES, BootstrapConfig
from lamo.metrics.distribution import FrameSets
from lamo.metrics.features import i3d
from lamo.metrics.features.clips import ClipFeatures
from lamo.metrics.features.i3d import WIDTH, I3dFeatures
from lamo.metrics.frechet import frechet_distance
from lamo.stores.rollouts import Rollouts, Window


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return I3dFeatures(made_i3d(tmp_path_factory.mktemp("weights") / "i3d.pt"))


def videos(count: int, frames: int = 9, seed: int = 0) -> np.ndarray:
    """Clips uint8 [N, T, 8, 16, 3] of a bright bar that moves at a speed of its own."""
    draw = np.random.default_rng(seed)
    places = draw.uniform(0, 16, (count, 1)) + draw.uniform(-0.7, 0.7, (count, 1)) * np.arange(frames)
    distance = np.abs((np.arange(16) - places[..., None] + 8) % 16 - 8)
    bar = 200 * np.exp(-np.square(distance)) + draw.uniform(0, 40, (count, 1, 1))
    return np.broadcast_to(bar[:, :, None, :, None], (count, frames, 8, 16, 3)).clip(0, 255).astype(np.uint8)


def test_the_network_gets_whole_frames_in_minus_one_to_one(network, monkeypatch):
    clip = np.random.default_rng(0).integers(0, 256, (2, 9, 32, 64, 3), dtype=np.uint8)
    given = []
    made = network._network
    monkeypatch.setattr(network, "_network", lambda x, **names: given.append((x, names)) or made(x, **names))
    assert network(clip).shape == (2, 400)
    ((x, names),) = given
    assert tuple(x.shape) == (2, 3, 9, 224, 224)
    assert names == {"rescale": False, "resize": False, "return_features": True}
    channel = Image.fromarray(clip[1, 5, :, :, 2].astype(np.float32)).resize((224, 224), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(x[1, 2, 5].numpy(), np.asarray(channel) / 127.5 - 1, atol=1e-4)


def test_batches_change_nothing(network, monkeypatch):
    clips = videos(5)
    expected = network(clips)
    monkeypatch.setattr(i3d, "BATCH", 2)
    np.testing.assert_allclose(network(clips), expected, rtol=1e-5, atol=1e-6)
    assert network(clips[:0]).shape == (0, WIDTH)


def test_the_distance_is_that_of_the_formula_and_sees_the_order_of_frames(network):
    """With the matrix square root of scipy, on those of the made features that vary independently."""
    truth, other = (network(videos(60, seed=seed)) for seed in (0, 1))
    features = [one[:, [0, 10, 100, 200, 300]].astype(np.float64) for one in (truth, other)]
    means, covariances = zip(*((one.mean(axis=0), np.cov(one, rowvar=False)) for one in features), strict=True)
    root = sqrtm(covariances[0] @ covariances[1]).real
    expected = np.square(means[0] - means[1]).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(*features) == pytest.approx(expected, rel=1e-5)

    still = videos(60)
    shuffled = np.stack([clip[np.random.default_rng(n).permutation(9)] for n, clip in enumerate(still)])
    assert frechet_distance(truth, network(still)) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(truth, network(shuffled)) > 5 * frechet_distance(truth, other) > 0
    np.testing.assert_allclose(network(shuffled)[:, :192], truth[:, :192], atol=1e-5)  # colours are the same


def test_without_more_windows_than_features_there_is_no_number():
    truth, other = np.random.default_rng(0).normal(size=(2, WIDTH + 1, WIDTH)).astype(np.float32)
    for count, known in ((WIDTH, False), (WIDTH + 1, True)):
        windows = [Window(f"{number % 3}", number) for number in range(count)]
        (found,) = FrameSets(windows, None, BootstrapConfig()).frechet(truth[:count], [other[:count]])
        assert np.isfinite(found.value) == known


class Frames:
    """Frames of one clip, of which each is filled with its number."""

    def read(self, windows, first, last):
        steps = np.array([window.start for window in windows])[:, None] + np.arange(first, last)
        return np.broadcast_to(steps[..., None, None, None], (*steps.shape, 2, 4, 3)).astype(np.uint8)


class Seen:
    """Remembers the clips that it is given; its features are the numbers of the first 400 frames."""

    metric = "fvd"
    digits = "01234567"

    def __init__(self):
        self.clips = []

    def __call__(self, clips):
        self.clips += list(clips[:, :, 0, 0, 0].tolist())
        return np.zeros((len(clips), 3), np.float32)


def test_a_clip_is_the_observed_frames_and_those_up_to_the_last_horizon():
    windows = [Window("a", start) for start in range(40)]
    frames = Frames().read(windows, 4, 12)[:, None]
    nothing = np.zeros((40, 1, 8), np.float32)
    rollouts = Rollouts(frames, nothing, nothing, nothing[:, 0], windows, deterministic=True)
    seen = Seen()
    features = ClipFeatures(seen, Frames(), 4)
    assert features.of(rollouts, 6).shape == (40, 1, 3)
    assert seen.clips == [list(range(start, start + 10)) for start in range(40)]
    assert "4 observed frames and all up to the last horizon" in features.description


def test_clips_that_are_too_short_are_named_with_the_setting(network):
    with pytest.raises(
        LamoError, match=r"metrics\.fvd\.weights: found clips of 8 frames, expected at least 9.*horizons_s"
    ):
        network(videos(2, FVD_LEAST_FRAMES - 1))


class OneArgument(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class TwoResults(nn.Module):
    def forward(self, x: torch.Tensor, rescale: bool, resize: bool, return_features: bool):
        return x, x


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("missing", "no such file"),
        ("text", r"not I3D \("),
        ("weights", r"not I3D \("),
        ("another signature", r"not I3D \(forward\(\) expected at most 2 argument"),
        ("two results", r"found features of shape tuple for 1 clips, expected \(1, 400\)"),
        ("another width", r"found features of shape \(1, 500\) for 1 clips, expected \(1, 400\)"),
    ],
)
def test_files_that_are_not_i3d_are_named(tmp_path, kind, found):
    path = tmp_path / "i3d.pt"
    if kind == "text":
        path.write_text("hello")
    elif kind == "weights":
        torch.save({"a": torch.zeros(2)}, path)
    elif kind == "another signature":
        torch.jit.script(OneArgument()).save(str(path))
    elif kind == "two results":
        torch.jit.script(TwoResults()).save(str(path))
    elif kind == "another width":
        made_i3d(path, 500)
    with pytest.raises(
        LamoError, match=rf"i3d\.pt: {found}.*i3d_torchscript\.pt; correct metrics\.fvd\.weights"
    ) as caught:
        I3dFeatures(path)
    assert "\n" not in str(caught.value)


def test_the_columns_name_the_features():
    assert (metric("fvd").title, metric("kid_i3d").title) == ("FVD I3D", "KVD I3D")
    assert metric("fvd").of_sets
    assert metric("fvd").compare
