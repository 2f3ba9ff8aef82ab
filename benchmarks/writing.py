"""Writing a finished store (rows, checksums, index, sync, manifest), compared with writing a plain file.

python -m benchmarks.writing
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.reading import CLIP_FRAMES, GRID, MOTION, STATE, normal
from benchmarks.timing import Paired, machine, paired, table
from lamo.stores.frames import FramesWriter
from lamo.stores.latents import LatentsWriter


def write_plain(path: Path, arrays: list[np.ndarray]) -> None:
    """Write the bytes one after the other and sync them to the disk."""
    with path.open("wb") as file:
        for values in arrays:
            file.write(values.data)
        file.flush()
        os.fsync(file.fileno())


def frames(folder: Path, clips: list[np.ndarray], rounds: int) -> Paired:
    """Times for a store of frames; `clips` are uint8 [n, H, W, 3]."""

    def ours() -> None:
        height, width = clips[0].shape[1:3]
        with FramesWriter(folder / "f.zarr", folder / "f.manifest.json", height, width) as writer:
            for number, clip in enumerate(clips):
                writer.add_clip(str(number), clip, np.arange(len(clip)) / 5)

    return paired(ours, lambda: write_plain(folder / "f.bin", clips), rounds)


def latents(folder: Path, clips: list[tuple[np.ndarray, np.ndarray]], rounds: int) -> Paired:
    """Times for a store of latents; `clips` are states and motion tokens, float16."""
    plain = [values for clip in clips for values in clip]

    def ours() -> None:
        with LatentsWriter(folder / "l.zarr", folder / "l.manifest.json", GRID, (0,)) as writer:
            for number, (state, motion) in enumerate(clips):
                writer.add_clip(str(number), state, motion)

    return paired(ours, lambda: write_plain(folder / "l.bin", plain), rounds)


def measure(folder: Path, rounds: int) -> str:
    """The table of this benchmark, as Markdown."""
    rng = np.random.default_rng(0)
    # Smooth pictures with fine noise, which compress about as well as footage does.
    ramp = np.linspace(40, 200, 224)[None, None, :, None] + np.linspace(0, 30, 224)[None, :, None, None]
    pictures = [
        (ramp + rng.integers(-2, 3, (CLIP_FRAMES, 224, 224, 1)) + [0, 6, 12]).astype(np.uint8) for _ in range(4)
    ]
    clips = [tuple(normal(rng, (CLIP_FRAMES, *row)) for row in (STATE, MOTION)) for _ in range(4)]
    rows = []
    for name, times, size in (
        ("frames, 224 x 224", frames(folder, pictures, rounds), sum(clip.nbytes for clip in pictures)),
        ("latents and motion tokens, paper's size", latents(folder, clips, rounds),
         sum(state.nbytes + motion.nbytes for state, motion in clips)),
    ):  # fmt: skip
        speeds = [size / sorted(taken)[len(taken) // 2] / 1e6 for taken in (times.ours, times.reference)]
        rows.append([name, f"{times.ratio():.2f}", times.spread(), *(f"{speed:,.0f}" for speed in speeds)])
    header = ["writing a store", "ratio", "rounds", "store, MB raw per s", "plain file, MB per s"]
    return table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("results"), help="where stores are written; removed again")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(machine(options.folder))
        print(measure(Path(folder), options.rounds))


if __name__ == "__main__":
    main()
