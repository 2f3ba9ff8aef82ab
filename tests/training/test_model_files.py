"""Saved models, and files that are none."""

import pytest
import torch
from torch import nn

from lamo.errors import LamoError
from lamo.training.model_files import load_config, load_weights, save_model


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model[1].running_mean.add_(2.0)
    save_model(tmp_path / "model", model, {"width": 4})
    return tmp_path / "model", model


def blank(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width))


def test_weights_buffers_and_config_come_back(saved):
    folder, model = saved
    other = blank()
    load_weights(folder, other)
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name
    assert load_config(folder) == {"width": 4}
    assert {path.name for path in folder.iterdir()} == {"model.safetensors", "config.json"}


def test_a_transposed_weight_is_saved_as_it_reads(tmp_path):
    model, other = nn.Linear(3, 5, bias=False), nn.Linear(3, 5, bias=False)
    model.weight = nn.Parameter(torch.arange(15.0).view(3, 5).t())
    save_model(tmp_path, model, {})
    load_weights(tmp_path, other)
    assert torch.equal(other.weight, model.weight)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(LamoError, match=r"model\.safetensors: cannot be read"):
        load_weights(tmp_path, blank())
    with pytest.raises(LamoError, match=r"config\.json: not found"):
        load_config(tmp_path)


@pytest.mark.parametrize("length", [0, 5, 60, -1])
def test_truncated_weights_are_named(saved, length):
    path = saved[0] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(LamoError, match=r"model\.safetensors: cannot be read"):
        load_weights(saved[0], blank())


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (blank(5), r"0\.weight is \(4, 3\), expected \(5, 3\)"),
        (nn.Sequential(nn.Linear(3, 4)), "unexpected 1.bias"),
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)), "missing 2.bias"),
    ],
    ids=["shape", "unexpected", "missing"],
)
def test_weights_of_another_model_change_nothing(saved, other, message):
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(LamoError, match=rf"model\.safetensors: does not fit .*{message}"):
        load_weights(saved[0], other)
    assert all(torch.equal(before[name], value) for name, value in other.state_dict().items())
