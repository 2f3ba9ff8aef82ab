"""LPIPS: torchmetrics' own numbers, what it must do whatever the weights, and files that are not AlexNet."""

import pickle

import numpy as np
import pytest
import torch
import torchvision
from made_weights import made_alexnet, made_i3d
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F
from torchmetrics.functional.image import learned_perceptual_image_patch_similarity

from lamo.errors import LamoError
from lamo.metrics.features.enlarging import enlarged
from lamo.metrics.perceptual import Lpips, lpips_scores


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return made_alexnet(tmp_path_factory.mktemp("weights") / "alexnet.pth")


@pytest.fixture(scope="module")
def lpips(weights):
    return Lpips(weights)


def pictures(count: int = 5, height: int = 32, width: int = 64) -> np.ndarray:
    """Frames uint8 with structure of several sizes."""
    noise = np.random.default_rng(0).normal(size=(count, height, width, 3))
    mixed = sum(gaussian_filter(noise, (0, size, size, 0)) * size for size in (1, 3, 6))
    return (127 + 90 * mixed).clip(0, 255).astype(np.uint8)


def test_the_numbers_are_those_of_torchmetrics(lpips, weights, monkeypatch):
    """Its public function downloads AlexNet; here it gets the same weights from the file instead."""
    original = torchvision.models.alexnet

    def from_file(weights=None, path=weights):
        network = original(weights=None)
        network.load_state_dict(torch.load(path, weights_only=True))
        return network

    monkeypatch.setattr(torchvision.models, "alexnet", from_file)
    first, second = pictures(40), pictures(40)[::-1]
    images = []
    for frames in (first, second):
        unit = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2) / 255
        images.append(F.interpolate(unit, (64, 128), mode="bilinear", align_corners=False))
    expected = learned_perceptual_image_patch_similarity(*images, normalize=True, reduction="none").numpy()
    np.testing.assert_allclose(lpips(first, second), expected, rtol=1e-4)


def test_equal_frames_have_no_distance_and_an_error_that_grows_has_a_larger_one(lpips):
    frames = pictures()
    assert (lpips(frames, frames) == 0).all()
    noise = np.random.default_rng(1).normal(size=frames.shape)
    noisy = [lpips((frames + size * noise).clip(0, 255).astype(np.uint8), frames) for size in (8, 24, 72)]
    blurred = [lpips(gaussian_filter(frames, (0, size, size, 0)), frames) for size in (0.5, 1, 2)]
    for distances in (noisy, blurred):
        assert (np.diff([np.zeros(len(frames)), *distances], axis=0) > 0).all()


def test_it_is_the_same_both_ways_and_of_each_pair_by_itself(lpips):
    first, second = pictures(40), pictures(40)[::-1]
    together = lpips(first, second)
    assert together.shape == (40,)
    np.testing.assert_allclose(lpips(second, first), together, rtol=1e-5)
    np.testing.assert_allclose(lpips(first[33:34], second[33:34]), together[33:34], rtol=1e-5)
    assert lpips(first[:0], second[:0]).shape == (0,)


def test_scores_are_of_each_sample_and_known_at_the_horizons_alone(lpips):
    frames = pictures(2 * 3 * 4, 16, 32).reshape(2, 3, 4, 16, 32, 3)
    truth = pictures(2 * 4, 16, 32).reshape(2, 1, 4, 16, 32, 3)[::-1]
    found = lpips_scores(frames, truth, (1, 4), lpips)
    assert (found.shape, found.dtype) == ((2, 3, 4), np.float32)
    assert np.isnan(found[:, :, 1:3]).all()
    for window, sample, step in np.ndindex(2, 3, 4):
        if step in (0, 3):
            (expected,) = lpips(frames[window, sample, step][None], truth[window, 0, step][None])
            assert found[window, sample, step] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("size", "expected"), [((32, 64), (64, 128)), ((48, 40), (77, 64)), ((64, 90), (64, 90))])
def test_small_frames_are_enlarged_to_a_shorter_side_of_64(size, expected):
    assert tuple(enlarged(torch.rand(1, 3, *size), 64).shape[-2:]) == expected


def broken(tmp_path, kind: str):
    """A file of weights that is not AlexNet's."""
    path = tmp_path / "weights.pth"
    if kind == "another network":
        torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    elif kind == "other shapes":
        wrong = torchvision.models.alexnet(weights=None).state_dict()
        torch.save({name: value[:1] for name, value in wrong.items()}, path)
    elif kind == "no names":
        torch.save([1, 2], path)
    elif kind == "a pickle":
        path.write_bytes(pickle.dumps(np.random.default_rng(0)))
    elif kind == "a pickled object":
        torch.save(torchvision.models.squeezenet1_1(weights=None), path)
    elif kind == "TorchScript":
        made_i3d(path)
    elif kind == "text":
        path.write_text("hello")
    elif kind == "empty":
        path.touch()
    return path


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("another network", r"found features\.0\.weight of shape \[64, 3, 3, 3\], AlexNet's is \[64, 3, 11, 11\]"),
        ("other shapes", r"found features\.0\.weight of shape \[1, 3, 11, 11\]"),
        ("no names", "found list, not weights by name"),
        ("a pickle", r"not a file of weights \("),
        ("a pickled object", r"not a file of weights \("),
        ("TorchScript", r"not a file of weights \("),
        ("text", r"not a file of weights \("),
        ("empty", r"not a file of weights \("),
        ("missing", "no such file"),
    ],
)
def test_files_that_are_not_alexnet_are_named(tmp_path, kind, found):
    with pytest.raises(LamoError, match=rf"weights\.pth: {found}.*correct metrics\.lpips\.weights") as caught:
        Lpips(broken(tmp_path, kind))
    assert "\n" not in str(caught.value)


def test_code_in_a_file_of_weights_does_not_run(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (tmp_path.joinpath("written").touch, ())

    torch.save({"features.0.weight": Harmful()}, tmp_path / "weights.pth")
    with pytest.raises(LamoError, match="not a file of weights"):
        Lpips(tmp_path / "weights.pth")
    assert not (tmp_path / "written").exists()
