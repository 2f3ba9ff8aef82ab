"""Reading a PyTorch checkpoint without executing anything that it says.

`torch.load(weights_only=True)` refuses the published Midway checkpoints, because they also hold the pickled
configuration of a library; loading them without that guard would run whatever the file asks for. Here only tensors,
plain containers and NumPy scalars are rebuilt, the objects of the configuration library become inert stubs, and
everything else is refused by name.
"""

import math
import pickle
import re
import zipfile
from collections.abc import Callable
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
STUBBED = ("omegaconf.", "typing.", "argparse.", "pathlib.")
TYPES = ("dict", "list", "tuple", "set", "frozenset", "str", "unicode", "bytes", "int", "long", "float", "bool")
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


class ScalarType(Stub):
    """A NumPy dtype as its name; its state holds the byte order."""

    def __init__(self, name: Any, *_: Any) -> None:
        super().__init__()
        if not isinstance(name, str) or not re.fullmatch(r"[fiub]\d{1,2}", name):
            raise Refused(f"a NumPy scalar of type {name!r}")
        self.name = name


def _scalar(kind: Any, data: Any) -> int | float | bool:
    if not isinstance(kind, ScalarType) or not isinstance(data, bytes):
        raise Refused("a NumPy scalar that is not a number")
    order = kind.state[1] if isinstance(kind.state, tuple) and len(kind.state) > 1 else "<"
    return np.frombuffer(data, np.dtype(kind.name).newbyteorder(">" if order == ">" else "<"))[0].item()


def _encode(text: Any, encoding: Any = "utf-8") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "utf-8"):
        raise Refused(f"text encoded as {encoding!r}")
    return text.encode(encoding)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    if not isinstance(storage, torch.Tensor) or not all(type(part) is tuple for part in (size, stride)):
        raise Refused("a tensor without storage or shape")
    if not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
        raise Refused(f"a tensor of offset {offset}, size {size} and stride {stride}")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if math.prod(size) > len(storage) or (0 not in size and last >= len(storage)):
        raise Refused(f"a tensor of size {size} and stride {stride} beyond its storage of {len(storage)} values")
    return storage.as_strided(size, stride, offset)


def _parameter(data: Any, *_: Any) -> torch.Tensor:
    if not isinstance(data, torch.Tensor):
        raise Refused("a parameter without a tensor")
    return data


# What stands for calling a name. Types are named by configurations as those of their values.
REBUILT: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): lambda items=(): keyed(items),
    ("collections", "defaultdict"): lambda factory=None, items=(): keyed(items),
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): ScalarType,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    **{("builtins", name): Stub for name in TYPES},
    **{("torch", name): Stub for name in (*STORAGES, "Size", "device")},
}


def find(module: str, name: str) -> Name:
    """The name as inert data; raises `Refused` if it is not one that a checkpoint needs."""
    module = OLD_NAMES.get(module, module)
    rebuild = REBUILT.get((module, name))
    if rebuild is None and f"{module}.".startswith(STUBBED):
        rebuild = Stub
    if rebuild is None:
        raise Refused(f"it names {module}.{name}")
    return Name(module, name, rebuild)


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

    def storage(self, reference: Any) -> torch.Tensor:
        """Values of a storage [count]; wherever it was, it is read to the CPU."""
        match reference:
            case ("storage", Name(module="torch", name=kind), str() as key, _, int() as count) if kind in STORAGES:
                pass
            case _:
                raise Refused("a reference to something that is not a storage of numbers")
        name, dtype = (key, reference[1]), STORAGES[kind]
        if name not in self._storages:
            data = self.record(f"data/{key}")
            if not 0 <= count * dtype.itemsize <= len(data):
                raise pickle.UnpicklingError(f"storage {key} has {len(data)} bytes, {count} {dtype} are expected")
            self._storages[name] = torch.empty(0, dtype=dtype)
            if count:
                self._storages[name] = torch.frombuffer(bytearray(data), dtype=dtype, count=count)
        return self._storages[name]


def read_checkpoint(path: str | Path) -> Any:
    """The content of a checkpoint written by `torch.save`, its tensors on the CPU; tensors may share memory.

    Raises `LamoError`, naming the file and the cause, if it is missing, truncated, no checkpoint, or names anything but
    tensors, plain containers, NumPy scalars and configuration objects. Nothing that the file names is imported or run.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            records = _Archive(archive, path.stat().st_size)
            return PickleMachine(find, records.storage).run(records.program())
    except FileNotFoundError:
        raise LamoError(f"{path}: not found; expected a checkpoint of the Midway Network") from None
    except Refused as error:
        reason = " ".join(str(error).split())[:300]
        hint = "only tensors, containers and numbers are read, and nothing is run"
        raise LamoError(f"{path}: refused: {reason}; {hint}") from None
    except LamoError as error:
        raise LamoError(f"{path}: {error}") from None
    except Exception as error:  # noqa: BLE001 - the content is foreign: whatever fails says that it is not as it should be
        raise LamoError(f"{path}: {_damage(path, error)}") from None


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
