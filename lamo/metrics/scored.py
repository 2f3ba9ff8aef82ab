"""What is kept of the rollouts of a table row once they are scored, and its file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from lamo.errors import LamoError
from lamo.metrics.rows import row_label
from lamo.stores.atomic import replacing
from lamo.stores.rollouts import Window

_PARTS = ("single", "joint", "features")


@dataclass(frozen=True)
class ScoredSet:
    """The scores of one table row and training seed, which is None for a control. `sampler` is "-" for a control.

    W windows with S samples, M windows with one, T steps, F of which are horizons.

    Attributes:
        single: scores of single samples by metric, [W, S, T].
        joint: scores of all samples together by metric, [W, 1, T].
        features: of the single futures of many windows, by the extractor's `metric`: [M, F, d]; of whole clips, which
            belong to the last horizon, [M, 1, d]. Empty where these futures are not known, so that there are no
            distances between distributions.
        windows: these M windows.
    """

    method: str
    sampler: str
    seed: int | None
    single: dict[str, np.ndarray]
    joint: dict[str, np.ndarray]
    features: dict[str, np.ndarray]
    windows: list[Window]

    @property
    def label(self) -> str:
        """Name of the table row."""
        return row_label(self.method, self.sampler)

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Scores of both kinds."""
        return self.single | self.joint

    @property
    def samples(self) -> int:
        """S."""
        return next(iter(self.single.values())).shape[1]


def write_scored(path: str | Path, sets: Sequence[ScoredSet]) -> None:
    """Write sets to a safetensors file, atomically."""
    arrays = {
        f"{number}/{part}/{name}": np.ascontiguousarray(values)
        for number, one in enumerate(sets)
        for part in _PARTS
        for name, values in getattr(one, part).items()
    }
    kept = [
        {"method": one.method, "sampler": one.sampler, "seed": one.seed, "windows": [asdict(w) for w in one.windows]}
        for one in sets
    ]
    with replacing(path) as temporary:
        # The file has an order of its own; tables keep that of the scores.
        save_file(arrays, temporary, metadata={"sets": json.dumps(kept), "arrays": json.dumps(list(arrays))})


def read_scored(path: str | Path) -> list[ScoredSet]:
    """Read what `write_scored` wrote. Raises `LamoError` if the file is missing or damaged."""
    try:
        with safe_open(path, framework="numpy") as file:
            kept: list[dict[str, Any]] = json.loads(file.metadata()["sets"])
            arrays = {name: file.get_tensor(name) for name in json.loads(file.metadata()["arrays"])}
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise LamoError(f"{path}: cannot be read ({error}); run the scoring of that row again") from None
    sets = []
    for number, one in enumerate(kept):
        parts: dict[str, dict[str, np.ndarray]] = {part: {} for part in _PARTS}
        for name, values in arrays.items():
            index, part, metric = name.split("/")
            if int(index) == number:
                parts[part][metric] = values
        windows = [Window(**window) for window in one["windows"]]
        sets.append(ScoredSet(one["method"], one["sampler"], one["seed"], **parts, windows=windows))
    return sets
