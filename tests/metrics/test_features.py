"""Inception features: the published file's interface, its resizing, and its errors."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from lamo.errors import LamoError
from lamo.metrics.features.inception import InceptionFeatures


class Layers(nn.Module):
    """Stands in for Inception: the image after the file's own scaling, sampled on a grid, as features."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, ::7, ::7].flatten(1)[:, : self.width].reshape(x.shape[0], self.width, 1, 1)


class Network(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = Layers(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def saved(folder, width: int = 2048):
    path = folder / "inception.pt"
    torch.jit.script(Network(width)).save(str(path))
    return path


def test_frames_are_resized_as_clean_fid_does_and_scaled(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    found = InceptionFeatures(saved(tmp_path), batch=2)(frames)
    assert found.shape == (3, 2048)
    channel = Image.fromarray(frames[2, :, :, 0].astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC)
    expected = (np.asarray(channel).clip(0, 255) - 128) / 128
    np.testing.assert_allclose(found[2][: 43 * 43], expected[::7, ::7].ravel(), atol=1e-5)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LamoError, match=r"nowhere\.pt: no such file.*inception-2015-12-05\.pt"):
        InceptionFeatures(tmp_path / "nowhere.pt")


def test_a_file_that_is_no_torchscript_is_named(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(LamoError, match=r"weights\.pt: not an Inception network"):
        InceptionFeatures(path)
    path.write_text("hello")
    with pytest.raises(LamoError, match=r"weights\.pt: not an Inception network"):
        InceptionFeatures(path)


def test_another_network_is_named(tmp_path):
    path = tmp_path / "other.pt"
    torch.jit.script(nn.ReLU()).save(str(path))
    with pytest.raises(LamoError, match=r"other\.pt: not an Inception network"):
        InceptionFeatures(path)
    with pytest.raises(LamoError, match="100 features per frame, expected 2048"):
        InceptionFeatures(saved(tmp_path, 100))(np.zeros((1, 8, 8, 3), np.uint8))
