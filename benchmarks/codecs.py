"""What compression saves and costs, on real frames and on their latents, each row compressed as the stores do it.

python -m benchmarks.codecs --videos path/to/videos
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numcodecs.blosc import Blosc
from numcodecs.zstd import Zstd

from benchmarks.timing import machine, table
from lamo.dataset.config import VideosConfig
from lamo.dataset.discover import find_videos
from lamo.errors import LamoError
from lamo.images import to_input
from lamo.midway.network import Midway
from lamo.midway.state import state_tokens
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip

WEIGHTS = Path("results/weights/compact")
CODECS: dict[str, Blosc | Zstd | None] = {
    "none": None,
    "lz4 1": Blosc("lz4", 1, Blosc.NOSHUFFLE),
    "lz4 5, bits shuffled": Blosc("lz4", 5, Blosc.BITSHUFFLE),
    "lz4hc 5": Blosc("lz4hc", 5, Blosc.NOSHUFFLE),
    "zstd 1": Blosc("zstd", 1, Blosc.NOSHUFFLE),
    "zstd 1, bytes shuffled": Blosc("zstd", 1, Blosc.SHUFFLE),
    "zstd 1, bits shuffled": Blosc("zstd", 1, Blosc.BITSHUFFLE),
    "zstd 1, no blocks": Zstd(1),
    "zstd 3": Blosc("zstd", 3, Blosc.NOSHUFFLE),
    "zstd 7": Blosc("zstd", 7, Blosc.NOSHUFFLE),
}
# Every eighth frame is enough: neighbours compress alike.
EVERY = 8
ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """What a codec saves and costs.

    Attributes:
        ratio: raw bytes per stored byte.
        encode: raw MB per second of one thread.
        decode: the same.
    """

    ratio: float
    encode: float
    decode: float


def cost(rows: list[np.ndarray], codec: Blosc | Zstd | None) -> Cost:
    """Cost of a codec, applied to one row after the other; without a codec, the cost of a copy."""
    size = sum(row.nbytes for row in rows)
    encode: Callable = codec.encode if codec else np.copy
    encoded = [encode(row) for row in rows]
    decode: Callable = codec.decode if codec else np.copy
    stored = sum(len(chunk) for chunk in encoded) if codec else size
    return Cost(size / stored, size / _best(encode, rows) / 1e6, size / _best(decode, encoded) / 1e6)


def _best(action: Callable, items: list) -> float:
    """Seconds of the fastest of several rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for item in items:
            action(item)
        times.append(time.perf_counter() - start)
    return min(times)


def real_frames(videos: Path, height: int, width: int) -> np.ndarray:
    """Every eighth frame of every usable video, uint8 [N, H, W, 3].

    Raises:
        LamoError: no video is usable.
    """
    found = find_videos(VideosConfig(split="by_time"), videos, {"train": 1, "val": 1})
    config = FramesConfig(height=height, width=width, min_frames=3)
    clips = [decode_clip(path, config).frames[::EVERY] for path in sorted(set(found["path"]))]
    if not sum(map(len, clips)):
        raise LamoError(
            f"{videos}: none of its {len(clips)} videos is usable, expected one or more; give another folder"
        )
    return np.concatenate(clips)


def latents(frames: np.ndarray, model: Midway) -> tuple[np.ndarray, np.ndarray]:
    """States [N, P, D] and motion tokens [N - 1, L, M, D_m] of the frames by a trained model, float16."""
    with torch.no_grad():
        z = model.encode(to_input(frames))
        motion = model.inverse(tuple(level[:-1] for level in z), tuple(level[1:] for level in z))
    return state_tokens(z, (0,)).half().numpy(), motion.half().numpy()


def measure(videos: Path) -> str:
    """The table of this benchmark, as Markdown."""
    model = Midway.load(WEIGHTS).eval()
    height, width = model.image
    small = real_frames(videos, height, width)
    states, motion = latents(small, model)
    kinds = {
        "frames 224 x 224": real_frames(videos, 224, 224),
        f"frames {height} x {width}": small,
        "states, float16": states,
        "motion tokens, float16": motion,
    }
    rows = []
    for name, codec in CODECS.items():
        costs = [cost([np.ascontiguousarray(row) for row in values], codec) for values in kinds.values()]
        rows.append([name, *(f"{c.ratio:.2f} / {c.encode:,.0f} / {c.decode:,.0f}" for c in costs)])
    return table(["codec", *kinds], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, required=True, help="folder of real videos")
    options = parser.parse_args()
    print(machine(options.videos))
    print("ratio / MB encoded per second / MB decoded per second, one thread")
    print(measure(options.videos))


if __name__ == "__main__":
    main()
