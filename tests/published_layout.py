"""Checkpoints in the layout of the published Midway Networks, of any size, with random weights."""

import contextlib
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from lamo.midway.learning.config import DinoConfig
from lamo.midway.learning.dino import DinoHead
from lamo.midway.network import Midway
from lamo.midway.upstream.names import HEAD_NAMES, PREFIXES, published_names

FOREIGN = {"omegaconf.dictconfig": "DictConfig", "omegaconf.listconfig": "ListConfig", "omegaconf.nodes": "AnyNode"}


def published_content(model: Midway, arch: str = "vit_tiny") -> dict[str, Any]:
    """What a training run of the published code would store of `model`, its arguments as plain values."""
    parts = {part: OrderedDict() for part in PREFIXES}
    for ours, tensor in model.state_dict().items():
        part, names = published_names(ours)
        parts[part] |= zip(names, (piece.clone() for piece in tensor.chunk(len(names))), strict=True)
    for part in ("student", "teacher"):
        sizes = DinoConfig(prototypes=8, hidden=6, bottleneck=4)
        head = DinoHead(model.config.encoder.width, sizes).state_dict()
        prefix = PREFIXES[part].replace("backbone", "dino_head")
        parts[part] |= {prefix + HEAD_NAMES[name]: torch.randn_like(tensor) for name, tensor in head.items()}
    forward, inverse = model.config.forward_, model.config.inverse
    args = {
        "arch": arch,
        "num_register_tokens": 0,
        "motion_feature_levels": list(model.config.encoder.levels),
        "motion_crop_resolution": list(model.image),
        "midway_model_configs": {
            "num_motion_heads": inverse.heads,
            "num_pred_heads": forward.heads,
            "num_feature_heads": forward.lateral_heads,
            "gating_bias": model.form.gate_bias,
            "gating_type": "pred-vector",
            "gating_tau": None,
        },
        "experiment_dir": "${hydra:sweep.dir}",
    }
    return {**parts, "optimizer": {"state": {}}, "epoch": 1, "args": args}


def write_published(path: Path, content: dict[str, Any]) -> Path:
    """Save `content` with its arguments wrapped as objects of a configuration library that need not be installed."""
    with foreign_classes() as (mapping, sequence, node):

        def wrapped(value: Any, parent: Any) -> Any:
            kind = mapping if isinstance(value, dict) else sequence if isinstance(value, list) else node
            made = kind()
            if kind is node:
                made.__dict__ |= {"_metadata": None, "_parent": parent, "_val": value}
            elif kind is sequence:
                made.__dict__ |= {"_parent": parent, "_content": [wrapped(one, made) for one in value]}
            else:
                made.__dict__ |= {"_parent": parent, "_content": {k: wrapped(one, made) for k, one in value.items()}}
            return made

        torch.save({key: wrapped(value, None) if key == "args" else value for key, value in content.items()}, path)
    return path


@contextlib.contextmanager
def foreign_classes() -> Iterator[list[type]]:
    """Classes that pickle as those of the configuration library do."""
    classes = [type(name, (), {"__module__": module}) for module, name in FOREIGN.items()]
    before = {name: sys.modules.get(name) for name in ("omegaconf", *FOREIGN)}
    sys.modules["omegaconf"] = types.ModuleType("omegaconf")
    for (module, name), kind in zip(FOREIGN.items(), classes, strict=True):
        sys.modules[module] = types.ModuleType(module)
        setattr(sys.modules[module], name, kind)
    try:
        yield classes
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
