"""The state of a training in a folder: plain values as JSON, tensors as safetensors. Nothing is pickled."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lamo.errors import LamoError
from lamo.stores.atomic import read_json, write_json

VALUES, TENSORS, CHECKSUMS = "state.json", "tensors.safetensors", "checksums.json"
FORMAT = 1


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Write nested mappings, lists, tuples, numbers, texts and tensors into the empty `folder`, checksums last.

    Raises `LamoError` if a tensor holds a value that is not finite, because no training can go on from such a state;
    `OSError` or `SafetensorError` if the files cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    values = _pack(state, tensors, "state")
    save_file(tensors, folder / TENSORS)
    write_json(folder / VALUES, {"format": FORMAT, "state": values})
    write_json(folder / CHECKSUMS, {name: _sha256(folder / name) for name in (VALUES, TENSORS)})


def read_state(folder: Path) -> dict[str, Any]:
    """What `write_state` wrote, tensors on the CPU; `LamoError` if a file is missing, damaged or of another format."""
    for name, expected in read_json(folder / CHECKSUMS).items():
        path = folder / name
        found = _sha256(path) if path.is_file() else "no file"
        if found != expected:
            raise LamoError(
                f"{path}: found {found[:12]}, expected SHA-256 {expected[:12]}; it is damaged, delete {folder}"
            )
    content = read_json(folder / VALUES)
    if content.get("format") != FORMAT:
        raise LamoError(f"{folder / VALUES}: found format {content.get('format')}, expected {FORMAT}; delete {folder}")
    try:
        tensors = load_file(folder / TENSORS)
    except (OSError, SafetensorError) as error:
        raise LamoError(f"{folder / TENSORS}: cannot be read ({error}); delete {folder}") from None
    return _unpack(content["state"], tensors)


def _pack(value: Any, tensors: dict[str, Tensor], path: str) -> Any:
    """`value` as JSON, in which a tensor is replaced by its name in `tensors`.

    Mappings, lists and tuples are labelled, because JSON does not tell them apart.
    """
    if isinstance(value, Tensor):
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise LamoError(f"{path} holds values that are not finite")
        # A copy: safetensors refuses tensors that share memory.
        tensors[path] = value.detach().to("cpu", copy=True).contiguous()
        return {"tensor": path}
    if isinstance(value, Mapping):
        pairs = [[_pack(key, tensors, path), _pack(item, tensors, f"{path}.{key}")] for key, item in value.items()]
        return {"mapping": pairs}
    if isinstance(value, list | tuple):
        items = [_pack(item, tensors, f"{path}.{index}") for index, item in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{path} is a {type(value).__name__}, which a checkpoint cannot hold")


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "mapping":
        return {_unpack(key, tensors): _unpack(item, tensors) for key, item in content}
    items = [_unpack(item, tensors) for item in content]
    return tuple(items) if kind == "tuple" else items


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
