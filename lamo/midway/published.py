"""The published Midway Networks: their sizes, their training, and how another network departs from them."""

from collections.abc import Mapping
from typing import Any

from lamo.errors import LamoError
from lamo.midway.form import PUBLISHED
from lamo.midway.network_config import NetworkConfig

MOTION_LEVELS = 3
# Of the published training, the settings that a table names where another network was trained otherwise.
PUBLISHED_TRAINING: Mapping[str, Any] = {
    "gap_s": [0.5, 1.0], "unroll": [1], "both_directions": True, "motion_noise": 0.0,
    "augmentation": {"scale": [0.2, 0.4]}, "dino": {"initial_scale": [0.05, 0.2]},
}  # fmt: skip


def published_config(encoder: dict[str, Any], inverse: dict[str, Any], forward: dict[str, Any]) -> NetworkConfig:
    """The published form with sizes of its own; what is not given is as in the published ViT-S/16.

    `forward` may name `gate_bias`, which the form fixes. Raises `LamoError` if it is another one.
    """
    sizes = dict(forward)
    gate_bias = sizes.pop("gate_bias", PUBLISHED.gate_bias)
    if gate_bias != PUBLISHED.gate_bias:
        raise LamoError(f"forward.gate_bias: found {gate_bias}, expected {PUBLISHED.gate_bias:g}, as published")
    vit_s = {"patch": 16, "width": 384, "depth": 12, "heads": 6, "levels": (2, 5, 8, 11)}
    return NetworkConfig.model_validate(
        {
            "form": "published",
            "encoder": vit_s | encoder,
            "inverse": {"tokens": 10, "width": 192, "depth": 4, "heads": 3} | inverse,
            "forward": {"depth": 4, "heads": 6, "lateral_heads": 6} | sizes,
        }
    )


def vit_small() -> NetworkConfig:
    """ViT-S/16, made for frames of 224 x 224."""
    return published_config({}, {}, {})


def vit_base() -> NetworkConfig:
    """ViT-B/16, made for frames of 224 x 224; its motion part is that of ViT-S/16 but for the encoder's width."""
    return published_config({"width": 768, "heads": 12}, {}, {})


def describe(network: NetworkConfig, training: Mapping[str, Any]) -> str:
    """What a table says of its Midway Network: its form, and where it departs from the published levels and training.

    `training` are the settings that it was trained with, as saved; what they do not say is not named. Sizes (widths,
    depths, tokens per level, steps, rates) are no departures.
    """
    departures = _training_departures(network, training)
    levels = len(network.encoder.levels) - 1
    if levels != MOTION_LEVELS:
        departures.insert(0, f"{levels} motion level{'' if levels == 1 else 's'}")
    if network.form == "compact":
        return f"Midway: the compact form{', with ' if departures else ''}{', '.join(departures)}."
    return f"Midway: the published form{' but for ' if departures else ''}{', '.join(departures)}."


def _training_departures(network: NetworkConfig, training: Mapping[str, Any]) -> list[str]:
    trained = _flat(training)
    found = []
    for key, usual in _flat(PUBLISHED_TRAINING).items():
        if key.startswith("dino.") and network.made_of().pretrained:
            continue
        value = trained.get(key, usual)
        if value != usual:
            found.append(f"{_words(key)} {_text(value)}")
    return found


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of nested sections by their path, as JSON has them."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{below}": inner for below, inner in _flat(value).items()}
        else:
            flat[key] = list(value) if isinstance(value, tuple) else value
    return flat


def _words(key: str) -> str:
    named = {"augmentation.scale": "motion crops", "dino.initial_scale": "initial crop of DINO", "gap_s": "gap in s"}
    return named.get(key, key.replace("_", " "))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(str, value))
    return ("off", "on")[value] if isinstance(value, bool) else "none" if value is None else str(value)
