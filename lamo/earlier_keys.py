"""Keys of the configuration that earlier versions had: where each stands now, or why there is none."""

from collections.abc import Iterator, Mapping, Sequence

CONSTANT = "it is a constant beside the code that uses it now; delete the key (CHANGELOG.md)"
FORM = "midway.form (compact or published) sets it now; delete the key"
GONE = "no study found a use for it; delete the key (CHANGELOG.md)"
ENTRY = "predictors.entries.*"
"""Begins the path of a key of any entry."""


def _names(section: str, *names: str) -> Iterator[str]:
    return (f"{section}.{name}" for name in names)


def _moved() -> Mapping[str, str]:
    moved = {
        "rollouts.samplers": "samplers stand in each predictor's entry now, without its name: "
        "predictors.entries.flow.samplers: [20]",
        f"{ENTRY}.anchor": "it is called guess now",
        f"{ENTRY}.anchor_ridge": "it is called guess_ridge now",
        f"{ENTRY}.training.validation_every": "it is called validate_every now",
        f"{ENTRY}.training.bf16": "it is called mixed_precision now",
        "decoder.warmup": "it is decoder.training.warmup_steps now, a number of steps",
        "midway.training.warmup": "it is midway.training.warmup_steps now, a number of steps",
        "midway.training.clip": "it is midway.training.clip_gradient now",
        "midway.recurrence": GONE,
    }
    for name in ("flow", "gmm", "state"):
        moved[f"predictors.{name}"] = f"it is predictors.entries.{name} now"
    for section, names in (
        ("decoder", ("steps", "batch", "learning_rate", "weight_decay", "mixed_precision")),
        ("metrics.world_features", ("steps", "batch")),
    ):
        moved |= {f"{section}.{name}": f"it is {section}.training.{name} now" for name in names}
    form = [
        *_names("midway.inverse", "anchors", "correlation_radius", "normalise_tokens", "pairing", "position"),
        *_names("midway.forward", "anchors", "filter_radius", "gate_bias", "laterals", "tokens"),
        *_names("midway.training", "distance", "pixel_weight", "change_weight", "contrast_from", "contrast_weight"),
        "midway.training.contrast_window",
    ]
    constant = [
        *_names("midway.training", "collapse_spread", "teacher_momentum"),
        *_names("midway.training.pretraining", "learning_rate", "noise"),
        *_names("midway.training.augmentation", "mirror", "photometric", "same_light", "stretch"),
        *_names("midway.training.dino", "both_frames", "centre_momentum", "frozen_prototypes", "global_scale"),
        *_names("midway.training.dino", "local_crops", "local_scale", "mirror", "photometric", "stretch", "weight"),
        *_names("midway.training.dino", "student_temperature", "teacher_temperature", "unit_prototypes"),
        *_names("metrics", "batch", "bootstrap.seed", "curves"),
        *_names("metrics.probe", "clips", "ridges", "seed", "selection_share"),
        *_names("metrics.world_features", "drive_seconds", "learning_rate", "seed"),
        *_names(ENTRY, "log_sigma_min", "log_sigma_max"),
        *("predictors.backbone.mlp_ratio", "world.crf"),
    ]
    return moved | dict.fromkeys(form, FORM) | dict.fromkeys(constant, CONSTANT)


MOVED = _moved()
"""What became of each key, in words."""


def moved_to(path: Sequence[str | int]) -> str | None:
    """What became of the key at `path`; None if no earlier version had it."""
    parts = list(map(str, path))
    if parts[:2] == ["predictors", "entries"] and len(parts) > 2:
        parts[2] = "*"
    return MOVED.get(".".join(parts))
