"""Import of published Midway checkpoints: `Midway` from their names, shapes and stored arguments."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lamo.errors import LamoError
from lamo.midway.form import PUBLISHED
from lamo.midway.learning.config import DinoConfig
from lamo.midway.learning.dino import DinoHead
from lamo.midway.network import Midway
from lamo.midway.network_config import NetworkConfig
from lamo.midway.published import PUBLISHED_TRAINING, published_config
from lamo.midway.upstream.names import HEAD_NAMES, PREFIXES, published_names
from lamo.midway.upstream.parts import Upstream, read_upstream

ENCODER_HEADS = {"vit_tiny": 3, "vit_small": 6, "vit_base": 12}
# Stored arguments that change the computation without showing in the weights, and the one value that is computed here.
KNOWN = {
    "feature_block_type": "cross", "use_cls_token": True, "use_pos_embed": True, "motion_agg_type": "add",
    "motion_pred_input": True, "gating_type": "pred-vector", "gating_tau": None, "pred_type": "self",
    "pos_embed_mode": "learn", "pred_tau": None, "pred_registers": 0, "motion_head_type": "identity",
    "target_type": "forward",
}  # fmt: skip


@dataclass(frozen=True)
class DinoHeads:
    """The DINO heads of a published checkpoint."""

    student: DinoHead
    teacher: DinoHead


def import_upstream(path: str | Path, *, encoder_heads: int | None = None) -> Midway:
    """A published checkpoint as `Midway` in eval mode; its sizes are read from its tensors and stored arguments.

    `encoder_heads` is needed only where the stored architecture name is unknown. Nothing in the file is executed.
    Raises `LamoError`, naming what is missing, for files that are truncated, foreign or do not fit.
    """
    try:
        upstream = read_upstream(path)
        config = _config(upstream, encoder_heads)
        with torch.device("meta"):
            model = Midway(config, _image(upstream, config.encoder.patch))
        model.load_state_dict(_weights(upstream, model), assign=True)
        model.training_record = PUBLISHED_TRAINING
    except (LamoError, RuntimeError, ValueError) as error:
        raise LamoError(_about(path, error)) from None
    return model.eval().requires_grad_(False)


def import_dino_heads(path: str | Path) -> DinoHeads:
    """The DINO heads of a published checkpoint, in eval mode; raises `LamoError` as `import_upstream`."""
    try:
        upstream = read_upstream(path)
        return DinoHeads(student=_dino_head(upstream, "student"), teacher=_dino_head(upstream, "teacher"))
    except (LamoError, RuntimeError, ValueError) as error:
        raise LamoError(_about(path, error)) from None


def _about(path: str | Path, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return reason if reason.startswith(f"{path}:") else f"{path}: not a full published Midway checkpoint: {reason}"


def _config(upstream: Upstream, encoder_heads: int | None) -> NetworkConfig:
    """The sizes of the stored model."""
    model = upstream.args.section("midway_model_configs")
    model.require(KNOWN)
    bias = model.get("gating_bias", int | float, PUBLISHED.gate_bias)
    if bias != PUBLISHED.gate_bias:
        raise LamoError(f"stored argument gating_bias is {bias}; only {PUBLISHED.gate_bias:g} can be computed")
    upstream.args.require({"num_register_tokens": 0})
    hidden, width = upstream.tensor("student", "blocks.0.mlp.fc1.weight", 2).shape
    _, tokens, motion_width = upstream.tensor("motion_loss", "motion_tokens", 3).shape
    encoder: dict[str, Any] = {
        "patch": upstream.tensor("student", "patch_embed.proj.weight", 4).shape[-1],
        "width": width,
        "depth": upstream.count("student", r"blocks\.(\d+)\."),
        "heads": _encoder_heads(upstream, encoder_heads),
        "levels": _levels(upstream),
        "mlp_ratio": hidden / width,
    }
    inverse: dict[str, Any] = {
        "tokens": tokens,
        "width": motion_width,
        "depth": upstream.count("motion_loss", r"motion_blocks_0\.(\d+)\."),
        "heads": model.get("num_motion_heads", int, 3),
    }
    forward: dict[str, Any] = {
        "depth": upstream.count("motion_loss", r"forward_predictor_0\.(\d+)\."),
        "heads": model.get("num_pred_heads", int, 6),
        "lateral_heads": model.get("num_feature_heads", int, 6),
    }
    for name, heads, of in (
        ("of the encoder", encoder["heads"], width),
        ("num_motion_heads", inverse["heads"], motion_width),
        ("num_pred_heads", forward["heads"], width),
        ("num_feature_heads", forward["lateral_heads"], width),
    ):
        if heads < 1 or of % heads:
            raise LamoError(f"attention heads {name}: {heads} do not divide the width {of}")
    return published_config(encoder, inverse, forward)


def _encoder_heads(upstream: Upstream, given: int | None) -> int:
    if given:
        return given
    arch = upstream.args.get("arch", str, "")
    heads = ENCODER_HEADS.get(arch)
    if heads is None:
        known = ", ".join(ENCODER_HEADS)
        raise LamoError(f"its architecture {arch[:80]!r} is none of {known}; state its attention heads (encoder_heads)")
    return heads


def _levels(upstream: Upstream) -> tuple[int, ...]:
    """Encoder blocks after which a pyramid level is taken: one more than there are levels of motion."""
    depth = upstream.count("student", r"blocks\.(\d+)\.")
    count = upstream.count("motion_loss", r"motion_blocks_(\d+)\.") + 1
    levels = upstream.args.integers("motion_feature_levels", tuple(depth * (i + 1) // count - 1 for i in range(count)))
    if len(levels) != count or list(levels) != sorted(set(levels)) or levels[-1] >= depth:
        raise LamoError(f"stored argument motion_feature_levels is {levels}, expected {count} rising below {depth}")
    return levels


def _image(upstream: Upstream, patch: int) -> tuple[int, int]:
    """Frame size (height, width) that the position tables are made for; square where it is not stored."""
    patches = upstream.tensor("student", "pos_embed", 3).shape[1] - 1
    side = patch * round(max(patches, 0) ** 0.5)
    image = upstream.args.integers("motion_crop_resolution", (side, side))
    if len(image) != 2 or (image[0] // patch) * (image[1] // patch) != patches:
        raise LamoError(f"its frames of {image} (motion_crop_resolution) have not the {patches} patches of pos_embed")
    return image


def _weights(upstream: Upstream, model: Midway) -> dict[str, Tensor]:
    """The weights of `model` from the file; `LamoError` names those that are missing, unfit or unknown."""
    unused = {part: dict.fromkeys(names) for part, names in upstream.weights.items()}
    weights = {}
    missing: list[tuple[str, str]] = []
    unfit = []
    for ours, expected in model.state_dict().items():
        part, names = published_names(ours)
        pieces = [upstream.weights[part].get(name) for name in names]
        shape = (expected.shape[0] // len(names), *expected.shape[1:])
        for name, piece in zip(names, pieces, strict=True):
            unused[part].pop(name, None)
            if piece is None:
                missing.append((part, name))
            elif piece.shape != shape:
                unfit.append(f"{part} {name} is {tuple(piece.shape)}, expected {shape}")
            elif not piece.isfinite().all():
                unfit.append(f"{part} {name} is not finite")
        if not missing and not unfit:
            weights[ours] = torch.cat([piece.float() for piece in pieces if piece is not None])
    unknown = [f"{part} {name}" for part, names in unused.items() for name in names if "dino_head." not in name]
    absent = [f"{part} {name}" for part, name in missing]
    kinds = (("missing", absent), ("unfit", unfit), ("unknown", unknown))
    problems = [f"{len(names)} weights {kind} ({_some(names)})" for kind, names in kinds if names]
    if problems:
        instead = [upstream.instead(part, [name for of, name in missing if of == part]) for part in PREFIXES]
        raise LamoError("; ".join(problems) + "".join(instead))
    return weights


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _dino_head(upstream: Upstream, part: str) -> DinoHead:
    prefix = PREFIXES[part].replace("backbone", "dino_head")
    found = {ours: upstream.weights[part].get(prefix + name) for ours, name in HEAD_NAMES.items()}
    missing = [prefix + HEAD_NAMES[ours] for ours, tensor in found.items() if tensor is None or tensor.ndim < 1]
    if missing:
        instead = upstream.instead(part, missing)
        raise LamoError(f"{part} has {len(missing)} weights missing ({_some(missing)}){instead}")
    weights = {ours: tensor for ours, tensor in found.items() if tensor is not None}
    sizes = {
        "hidden": len(weights["mlp.0.bias"]),
        "bottleneck": len(weights["mlp.4.bias"]),
        "prototypes": len(weights["lengths"]),
    }
    head = DinoHead(weights["mlp.0.weight"].shape[-1], DinoConfig(**sizes))
    head.load_state_dict(weights)
    return head.eval().requires_grad_(False)
