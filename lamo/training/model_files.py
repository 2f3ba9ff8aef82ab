"""Trained models on disk: safetensors weights with the configuration that rebuilds them."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from lamo.errors import LamoError
from lamo.stores.atomic import read_json, replacing, write_json

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def save_model(folder: str | Path, model: nn.Module, config: dict[str, Any]) -> None:
    """Write `config.json`, then `model.safetensors`, each atomically."""
    folder = Path(folder)
    write_json(folder / CONFIG, config)
    with replacing(folder / WEIGHTS) as temporary:
        save_file({name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}, temporary)


def load_config(folder: str | Path) -> dict[str, Any]:
    """The configuration that a saved model was built from."""
    return read_json(Path(folder) / CONFIG)


def load_weights(folder: str | Path, model: nn.Module) -> None:
    """Load the weights into `model`; `LamoError` if the file is missing, damaged or of another model."""
    path = Path(folder) / WEIGHTS
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise LamoError(f"{path}: cannot be read ({error}); run the stage that writes it again") from None
    expected = model.state_dict()
    problems = [f"missing {k}" for k in expected.keys() - weights.keys()]
    problems += [f"unexpected {k}" for k in weights.keys() - expected.keys()]
    problems += [
        f"{k} is {tuple(weights[k].shape)}, expected {tuple(v.shape)}"
        for k, v in expected.items()
        if k in weights and weights[k].shape != v.shape
    ]
    if problems:
        raise LamoError(f"{path}: does not fit the model of {CONFIG} beside it: {'; '.join(sorted(problems)[:5])}")
    model.load_state_dict(weights)
