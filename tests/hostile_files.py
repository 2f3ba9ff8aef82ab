"""Files that pretend to be checkpoints: programs for the pickle machine, and archives around them."""

import io
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from lamo.errors import LamoError
from lamo.midway.upstream.safe_unpickle import read_checkpoint


@dataclass
class Calling:
    """Pickles as the call of `function` with `arguments`."""

    function: object
    arguments: tuple

    def __reduce__(self):
        return self.function, self.arguments


@dataclass
class Storage:
    """Pickles as a reference to a storage of a checkpoint."""

    count: object = 4
    key: str = "0"
    kind: object = torch.FloatStorage


class Program(pickle.Pickler):
    def persistent_id(self, value):
        return ("storage", value.kind, value.key, "cpu", value.count) if isinstance(value, Storage) else None


def program(value) -> bytes:
    file = io.BytesIO()
    Program(file, protocol=2).dump(value)
    return file.getvalue()


def archive(folder: Path, content: bytes, compression: int = zipfile.ZIP_STORED, **records: bytes) -> Path:
    with zipfile.ZipFile(folder / "file.pt", "w", compression) as file:
        file.writestr("archive/data.pkl", content)
        for name, data in {"data/0": np.arange(4, dtype=np.float32).tobytes(), **records}.items():
            file.writestr(f"archive/{name}", data)
    return folder / "file.pt"


def refused(path: Path) -> str:
    with pytest.raises(LamoError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def tensor(offset, size, stride, storage=None) -> bytes:
    arguments = (storage or Storage(), offset, size, stride, False, OrderedDict())
    return program(Calling(torch._utils._rebuild_tensor_v2, arguments))


def is_refused(path: Path) -> bool:
    """Whether a file is refused, in one line, rather than read."""
    try:
        read_checkpoint(path)
    except LamoError as error:
        return len(str(error).splitlines()) == 1 or pytest.fail(str(error))
    return False
