"""Reading a PyTorch checkpoint without executing anything that it says.

Only tensors, plain containers and NumPy scalars are rebuilt. All else in the file stays an inert stub: the objects of
a configuration library, whose values are read out of them, and what training runs leave beside their weights (random
states, schedulers, arrays, versions), which nothing here needs.

Why not `torch.load(weights_only=True)`? It was tried (PyTorch 2.11), with an inert class in `safe_globals` for every
name that `get_unsafe_globals_in_checkpoint` finds, and reads the published file. But what is not needed would still
decide whether a file is read:

- it lets files put items into lists and dictionaries only. An inert class cannot be both, so that a deque of losses or
  a configuration that is a dictionary ends the reading;
- it knows the instructions of pickle protocol 2 and few others, and refuses `os`, `sys` and `posix` by name.

Nor is it as safe for what is read here: it makes objects that these files do not need, tensors of any size among them;
it unpacks compressed records, so that a small file can fill the memory; and files could make it run code until 2.6 and
again until 2.10 (CVE-2025-32434, CVE-2026-24747). Python's `pickle.Unpickler`, given a `find_class` of inert classes,
runs nothing either. But a deeply nested key or a large index in a crafted file ends the process, where this reader
refuses the file.
"""

import logging
import math
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lamo.errors import LamoError
from lamo.midway.upstream.pickle_machine import Name, PickleMachine, Refused, Stub, keyed

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
PROGRAM_BYTES = 64 * 2**20
# Python 2's names, which pickles of protocol 2 use.
OLD_NAMES = {"__builtin__": "builtins", "copy_reg": "copyreg", "commands": "subprocess"}
STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
TENSOR_TYPES = ("torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter")
logger = logging.getLogger(__name__)


class ScalarType(Stub):
    """A NumPy dtype by its code, such as f8; its state holds the byte order."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        super().__init__("numpy.dtype")
        self.code = code if isinstance(code, str) else ""


def _scalar(kind: Any = None, data: Any = None) -> Any:
    if not isinstance(kind, ScalarType) or not re.fullmatch(r"[fiub]\d{1,2}", kind.code) or type(data) is not bytes:
        return Stub("numpy scalar")
    order = kind.state[1] if isinstance(kind.state, tuple) and len(kind.state) > 1 else "<"
    return np.frombuffer(data, np.dtype(kind.code).newbyteorder(">" if order == ">" else "<"))[0].item()


def _encode(text: Any = None, encoding: Any = "utf-8") -> Any:
    if not isinstance(text, str) or encoding not in ("latin1", "utf-8"):
        return Stub("_codecs.encode")
    return text.encode(encoding)


def _mapping(items: Any = ()) -> dict[Any, Any]:
    return keyed(items.items() if isinstance(items, Mapping) else items)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
    if isinstance(storage, Stub):
        return Stub(f"tensor of {storage.name}")
    if not isinstance(storage, torch.Tensor) or not all(type(part) is tuple for part in (size, stride)):
        raise Refused("a tensor without storage or shape")
    if not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
        raise Refused(f"a tensor of offset {offset}, size {size} and stride {stride}")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if 0 not in size and last >= len(storage):
        raise Refused(f"a tensor of size {size} and stride {stride} beyond its storage of {len(storage)} values")
    # An expanded view takes no memory in the file, but any amount of it when it is copied.
    return Stub("expanded tensor") if math.prod(size) > len(storage) else storage.as_strided(size, stride, offset)


def _parameter(data: Any, *_: Any) -> Any:
    return data if isinstance(data, torch.Tensor) else Stub("torch.nn.parameter.Parameter")


def _typed(rebuild: Any, kind: Any, arguments: Any, *_: Any) -> Any:
    """A tensor with attributes of Python, which are left out; a tensor of another class is a stub."""
    known = isinstance(rebuild, Name) and rebuild.rebuild in (_tensor, _parameter) and str(kind) in TENSOR_TYPES
    return rebuild.rebuild(*arguments) if known and type(arguments) is tuple else Stub(f"tensor of class {kind}")


# What stands for calling a name.
REBUILT: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _mapping,
    ("collections", "Counter"): _mapping,
    ("collections", "defaultdict"): lambda factory=None, items=(): _mapping(items),
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _typed,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): ScalarType,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
}


class _Archive:
    """The records of a checkpoint file."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        programs = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise LamoError("an archive, but not one that torch.save writes: no data.pkl")
        self._archive, self._left = archive, size
        self.root = programs[0].removesuffix("/data.pkl")
        if f"{self.root}/byteorder" in archive.namelist() and self.record("byteorder") != b"little":
            raise LamoError("written on a big-endian machine; save it again on another one")
        self._storages: dict[tuple[str, Name], torch.Tensor] = {}
        self.passed_over: dict[str, None] = {}

    def record(self, name: str) -> bytes:
        """Content of one record. Records are stored as they are, so together they cannot exceed the file."""
        info = self._archive.getinfo(f"{self.root}/{name}")
        self._left -= info.file_size
        if info.compress_type != zipfile.ZIP_STORED or self._left < 0:
            raise Refused(f"record {info.filename} of {info.file_size} bytes, compressed or larger than the file")
        return self._archive.read(info)

    def program(self) -> bytes:
        """The pickle that describes the content."""
        if self._archive.getinfo(f"{self.root}/data.pkl").file_size > PROGRAM_BYTES:
            raise Refused(f"a description (data.pkl) of more than {PROGRAM_BYTES} bytes")
        return self.record("data.pkl")

    def find(self, module: str, name: str) -> Name:
        """The name as inert data. One that nothing stands for is noted in `passed_over`."""
        module = OLD_NAMES.get(module, module)
        found = Name(module, name, REBUILT.get((module, name)))
        if found.rebuild is None and module != "torch":
            self.passed_over[str(found)] = None
        return found

    def storage(self, reference: Any) -> Any:
        """Values of a storage [count], wherever it was, on the CPU; a stub for values of another type than these."""
        match reference:
            case ("storage", Name() as kind, str() as key, _, int() as count):
                pass
            case _:
                raise Refused("a reference to something that is not a storage of numbers")
        dtype = STORAGES.get(kind.name) if kind.module == "torch" else None
        if dtype is None:
            return Stub(str(kind))
        place = (key, kind)
        if place not in self._storages:
            data = self.record(f"data/{key}")
            if not 0 <= count * dtype.itemsize <= len(data):
                raise pickle.UnpicklingError(f"storage {key} has {len(data)} bytes, {count} {dtype} are expected")
            self._storages[place] = torch.empty(0, dtype=dtype)
            if count:
                self._storages[place] = torch.frombuffer(bytearray(data), dtype=dtype, count=count)
        return self._storages[place]


def read_checkpoint(path: str | Path) -> Any:
    """The content of a checkpoint written by `torch.save`, its tensors on the CPU; tensors may share memory.

    What is no tensor, plain container or number is a `Stub`, and the log names it. Nothing that the file names is
    imported or run. Raises `LamoError`, naming the file and the cause, if it is missing, truncated or no checkpoint.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            records = _Archive(archive, path.stat().st_size)
            content = PickleMachine(records.find, records.storage).run(records.program())
    except FileNotFoundError:
        raise LamoError(f"{path}: not found; expected a checkpoint of the Midway Network") from None
    except Refused as error:
        reason = " ".join(str(error).split())[:300]
        raise LamoError(f"{path}: refused: {reason}; save the parts of the model again, without all else") from None
    except LamoError as error:
        raise LamoError(f"{path}: {error}") from None
    except Exception as error:  # noqa: BLE001 - the content is foreign: whatever fails says that it is not as it should be
        raise LamoError(f"{path}: {_damage(path, error)}") from None
    if records.passed_over:
        logger.info("%s: objects in it that are not loaded: %s", path, some(list(records.passed_over)))
    return content


def some(names: list[str], most: int = 6) -> str:
    """Foreign names for a message, the first few of them, each cut short."""
    shown = ", ".join(" ".join(name.split())[:80] for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _damage(path: Path, error: Exception) -> str:
    """Why the file cannot be read, and what to do."""
    if not path.is_file():
        return "not a file; expected a checkpoint of the Midway Network"
    with path.open("rb") as file:
        head = file.read(len(LEGACY))
    if not head:
        return "empty; get the file again"
    if head == LEGACY:
        return "in the format of PyTorch before 1.6, which cannot be read safely; save it again with a newer PyTorch"
    if not head.startswith(b"PK"):
        return f"not a checkpoint as torch.save writes it (begins with {head[:8]!r})"
    return f"a checkpoint that is truncated or damaged ({' '.join(str(error).split())[:200]}); get the file again"
