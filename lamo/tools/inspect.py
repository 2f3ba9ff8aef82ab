"""`lamo inspect`: what a file or folder that LaMo wrote is, and what is in it."""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open

from lamo.errors import LamoError
from lamo.stages import STAGES
from lamo.stores.atomic import read_json
from lamo.tools.arguments import program_parser
from lamo.tools.plan.text import size

Facts = dict[str, Any]
# As lamo.training and lamo.model name them. Their modules import PyTorch, which takes seconds and is not needed here.
WEIGHTS, CONFIG, FACTS, STATE = "model.safetensors", "config.json", "model.json", "state.json"
MANIFEST = ".manifest.json"
STEPS = "step-*"


def parser() -> argparse.ArgumentParser:
    """The command line of `lamo inspect`."""
    parser = program_parser(
        "inspect",
        "Say what a file or folder is that LaMo wrote: a run, a world model, a trained network, a store, a checkpoint.",
        "lamo inspect results/demo",
        "lamo inspect results/demo/05_predictors/flow/seed0",
        "lamo inspect results/demo/03_latents/latents/train/0.zarr --json",
    )
    parser.add_argument("path", metavar="PATH", help="a file or folder")
    parser.add_argument("--json", action="store_true", help="for programs: JSON")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Describe the path that is named.

    Raises:
        LamoError: there is nothing, nothing of LaMo's, or a part of it cannot be read.
    """
    given = parser().parse_args(arguments)
    facts = inspect(Path(given.path))
    if given.json:
        print(json.dumps(facts, indent=2))
    else:
        print(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110), end="")
    return 0


def inspect(path: Path) -> Facts:
    """What lies at `path`; `kind` says what it is.

    Raises:
        LamoError: there is nothing, nothing of LaMo's, or a part of it cannot be read.
    """
    if not path.exists():
        raise LamoError(f"{path}: found nothing, expected a file or folder that LaMo wrote; correct the path")
    for kind, is_one, describe in KINDS:
        if is_one(path):
            return {"kind": kind, "path": str(path), **describe(path)}
    known = ", ".join(kind for kind, _, _ in KINDS)
    raise LamoError(f"{path}: found nothing of LaMo's, expected one of {known}; see results/README.md")


def _run(run: Path) -> Facts:
    config = read_json(run / CONFIG)
    stages = {name: _size(run / stage.folder) for name, stage in STAGES.items() if (run / stage.folder).is_dir()}
    entries = config.get("predictors", {}).get("entries", {})
    tables = [name for name in ("table.md", "comparisons.md") if (run / "07_metrics" / name).exists()]
    return {
        "run": config.get("run"),
        "videos": config.get("videos", {}).get("root") or "the synthetic world",
        "predictors": {name: entry.get("samplers") for name, entry in entries.items() if entry},
        "seeds": config.get("predictors", {}).get("seeds"),
        "stages on disk": stages,
        "tables": [str(run / "07_metrics" / name) for name in tables] or "none yet: the run is not finished",
    }


def _world_model(folder: Path) -> Facts:
    parts = sorted(path.parent for path in folder.rglob(WEIGHTS))
    return {
        **read_json(folder / FACTS),
        "weights": {str(part.relative_to(folder)): _tensors(part / WEIGHTS)["values"] for part in parts},
        "size": _size(folder),
    }


def _network(folder: Path) -> Facts:
    return {**_tensors(folder / WEIGHTS), "configuration": read_json(folder / CONFIG)}


def _store(path: Path) -> Facts:
    manifest = path if path.name.endswith(MANIFEST) else path.with_name(path.stem + MANIFEST)
    content = read_json(manifest)
    store = manifest.with_name(manifest.name.removesuffix(MANIFEST) + ".zarr")
    arrays = {name: f"{one['dtype']} {one['shape']}" for name, one in content["arrays"].items()}
    return {
        "holds": content["kind"],
        **content["facts"],
        "arrays": arrays,
        "files": len(content["files"]),
        "size": _size(store) if store.is_dir() else "the store is missing",
    }


def _checkpoint(folder: Path) -> Facts:
    return {"step": int(folder.name.rpartition("-")[2]), **_tensors(folder / "tensors.safetensors")}


def _checkpoints(folder: Path) -> Facts:
    steps = sorted(int(path.name.rpartition("-")[2]) for path in folder.glob(STEPS))
    return {"steps": steps, "size": _size(folder)}


def _tensors(path: Path) -> Facts:
    """Number of tensors and of their values, by type; the values themselves are not read."""
    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  it is no dict
            sizes = {name: (one.get_dtype(), prod(one.get_shape())) for name, one in slices.items()}
    except (OSError, SafetensorError) as error:
        raise LamoError(f"{path}: cannot be read ({error}); run the stage that writes it again") from None
    types: Counter[str] = Counter()
    for dtype, count in sizes.values():
        types[dtype] += count
    return {"tensors": len(sizes), "values": sum(types.values()), "types": dict(types), "size": _size(path)}


def _size(path: Path) -> str:
    """Bytes of a file or of all files in a folder, for people."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return size(sum(each.stat().st_size for each in files)).strip()


def _is_store(path: Path) -> bool:
    manifest = path.name.endswith(MANIFEST)
    return manifest or (path.suffix == ".zarr" and path.with_name(path.stem + MANIFEST).exists())


# In this order: a run has a model in it, and a world model has networks.
KINDS: tuple[tuple[str, Callable[[Path], bool], Callable[[Path], Facts]], ...] = (
    ("world model", lambda path: (path / FACTS).is_file(), _world_model),
    ("run", lambda path: (path / CONFIG).is_file() and (path / "provenance").is_dir(), _run),
    ("trained network", lambda path: (path / WEIGHTS).is_file() and (path / CONFIG).is_file(), _network),
    ("store", _is_store, _store),
    ("checkpoint", lambda path: (path / STATE).is_file() and path.name.startswith("step-"), _checkpoint),
    ("checkpoints of a training", lambda path: path.is_dir() and any(path.glob(STEPS)), _checkpoints),
    ("file of tensors", lambda path: path.suffix == ".safetensors", _tensors),
)
