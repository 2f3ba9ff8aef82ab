"""The architecture of the published Midway Networks as a configuration of `Midway`."""

from typing import Any

from lamo.midway.config import MidwayConfig

# Switches in which the published form differs from the compact one.
INVERSE = {
    "pairing": "tokens", "correlation_radius": 0, "anchors": False, "position": "learned", "normalise_tokens": False,
}  # fmt: skip
FORWARD = {"tokens": "prefix", "laterals": True}
TRAINING = {"distance": "cosine", "change_weight": 0.0, "both_directions": True, "unroll": (1,)}


def published_config(encoder: dict[str, Any], inverse: dict[str, Any], forward: dict[str, Any]) -> MidwayConfig:
    """The published form with sizes of its own; what is not given is as in the published ViT-S/16."""
    sizes = {"patch": 16, "width": 384, "depth": 12, "heads": 6, "levels": (2, 5, 8, 11)}
    return MidwayConfig.model_validate(
        {
            "encoder": sizes | encoder,
            "inverse": INVERSE | {"tokens": 10, "width": 192, "depth": 4, "heads": 3} | inverse,
            "forward": FORWARD | {"depth": 4, "heads": 6, "lateral_heads": 6, "gate_bias": 4.0} | forward,
            "training": TRAINING,
        }
    )


def vit_small() -> MidwayConfig:
    """ViT-S/16, made for frames of 224 x 224."""
    return published_config({}, {}, {})


def vit_base() -> MidwayConfig:
    """ViT-B/16, made for frames of 224 x 224; the motion part as that of ViT-S/16, but as wide as the encoder."""
    return published_config({"width": 768, "heads": 12}, {}, {})
