"""The published Midway Networks, architecture and training losses, and how another model departs from them."""

from typing import Any

from lamo.midway.config import MidwayConfig

# What the published form is, beside its sizes; the compact one differs in all of it.
INVERSE = {
    "pairing": "tokens", "correlation_radius": 0, "anchors": False, "position": "learned", "normalise_tokens": False,
}  # fmt: skip
FORWARD = {"tokens": "prefix", "laterals": True, "gate_bias": 4.0}
TRAINING: dict[str, Any] = {
    "pretraining": {"steps": 0}, 
    "dino": {"weight": 1.0, "both_frames": True, "initial_scale": (0.05, 0.2), "unit_prototypes": False},
    "augmentation": {"scale": (0.2, 0.4)}, "gap_s": (0.5, 1.0), "final_weight_decay": 0.4, "clip": 3.0,
    "distance": "cosine",
    "change_weight": 0.0, "pixel_weight": 0.0, "contrast_weight": 0.0, "both_directions": True, "unroll": (1,),
    "motion_noise": 0.0,
}  # fmt: skip
MOTION_LEVELS = 3


def published_config(encoder: dict[str, Any], inverse: dict[str, Any], forward: dict[str, Any]) -> MidwayConfig:
    """The published form with sizes of its own; what is not given is as in the published ViT-S/16."""
    sizes = {"patch": 16, "width": 384, "depth": 12, "heads": 6, "levels": (2, 5, 8, 11)}
    return MidwayConfig.model_validate(
        {
            "encoder": sizes | encoder,
            "inverse": INVERSE | {"tokens": 10, "width": 192, "depth": 4, "heads": 3} | inverse,
            "forward": FORWARD | {"depth": 4, "heads": 6, "lateral_heads": 6} | forward,
            "training": TRAINING,
        }
    )


def vit_small() -> MidwayConfig:
    """ViT-S/16, made for frames of 224 x 224."""
    return published_config({}, {}, {})


def vit_base() -> MidwayConfig:
    """ViT-B/16, made for frames of 224 x 224; the motion part as that of ViT-S/16, but as wide as the encoder."""
    return published_config({"width": 768, "heads": 12}, {}, {})


def describe(config: MidwayConfig) -> str:
    """What a table says of its Midway Network: which form, and every switch in which it departs from the published one.

    Sizes (widths, depths, tokens per level, steps, rates) are no departures.
    """
    found = _departures(config.model_dump(by_alias=True), vit_small().model_dump(by_alias=True))
    levels = len(config.encoder.levels) - 1
    if levels != MOTION_LEVELS:
        found.insert(0, f"{levels} motion level{'' if levels == 1 else 's'}")
    if not found:
        return "Midway: the published form."
    if config.forward_.tokens == FORWARD["tokens"] and not config.training.pretraining.steps:
        return f"Midway: the published form but for {', '.join(found)}."
    return f"Midway: compact, which departs from the published form in {', '.join(found)}."


def _departures(config: dict[str, Any], published: dict[str, Any]) -> list[str]:
    found = []
    for section, switches in (("inverse", INVERSE), ("forward", FORWARD), ("training", TRAINING)):
        ours, usual = config[section], published[section]
        found += [f"{_words(key)} {_text(ours[key])}" for key in _plain(switches) if ours[key] != usual[key]]
    training = config["training"]
    if training["pretraining"]["steps"]:
        found.append("a pre-trained encoder")
    if not training["augmentation"]["scale"]:
        found.append("no motion crops")
    if not training["dino"]["weight"]:
        return [*found, "no DINO loss"]
    dino, usual = training["dino"], published["training"]["dino"]
    return found + [f"DINO {_words(key)} {_text(dino[key])}" for key in TRAINING["dino"] if dino[key] != usual[key]]


def _plain(switches: dict[str, Any]) -> list[str]:
    return [key for key, value in switches.items() if not isinstance(value, dict)]


def _words(key: str) -> str:
    return key.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "-".join(map(str, value))
    return ("off", "on")[value] if isinstance(value, bool) else "none" if value is None else str(value)
