"""Small videos, damaged in every way: for `test_fuzz_decoding.py`, and for longer runs by hand:

python tests/video/mutations.py --count 20000 --seed 1
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from made_videos import encode, stamped
from misleading import MISLEADING

from lamo.stores.frames import FramesStore
from lamo.video.config import FramesConfig
from lamo.video.shards import decode_shard

CONFIG = FramesConfig(height=8, width=16, video_time_limit_s=5, min_frames=3)
SIZE = (48, 64)
PQ = "crf=8:log-level=none:pools=none:frame-threads=1:transfer=smpte2084:colorprim=bt2020:colormatrix=bt2020nc"
BASES = {
    "h264.mp4": {"options": {"bf": "2", "g": "8"}},
    "first.mp4": {"options": {"g": "8"}, "container_options": {"movflags": "+faststart"}},
    "h264.mov": {"options": {"bf": "0"}, "audio_s": 1.0},
    "h264.mkv": {"ticks": 1000},
    "hevc.mp4": {"codec": "libx265"},
    "mpeg4.avi": {"codec": "mpeg4", "ticks": 15, "rate": 15},
    "h264.ts": {"ticks": 90000},
    "mpeg2.mpg": {"codec": "mpeg2video", "ticks": 25, "rate": 25},
    "vp9.webm": {"codec": "libvpx-vp9", "ticks": 1000},
    "h264.avi": {"options": {"bf": "2"}, "ticks": 15},
    "plain.ts": {"options": {"bf": "0"}, "ticks": 90000},
    "h264.h264": {"options": {"bf": "2"}, "ticks": 15},
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p", "ticks": 15, "rate": 15},
    # What has to be changed to be shown, so that these are repaired also when they are whole.
    "fields.shown.ts": {"options": {"x264-params": "tff=1", "g": "8"}, "ticks": 90000},
    "pq.shown.mp4": {"codec": "libx265", "pixel_format": "yuv420p10le", "options": {"x265-params": PQ}},
    "primaries.shown.mkv": {"options": {"x264-params": "colorprim=smpte432"}, "ticks": 1000},
}


def bases(folder: Path) -> dict[str, bytes]:
    """Whole videos of 64 x 48, 1.3 s, by name."""
    made = {}
    for name, how in BASES.items():
        rate = how.get("rate", 15)
        frames = [stamped(index, SIZE) for index in range(20)]
        made[name] = encode(folder / name, np.arange(20) / rate, size=SIZE, frames=frames, **how).read_bytes()
    return made


def mutations(base: dict[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Names and contents of damaged copies; one in fifty is left whole."""
    rng = np.random.default_rng(seed)
    names = sorted(base)
    for index in range(count):
        name = names[rng.integers(len(names))]
        content = bytearray(base[name])
        for _ in range(0 if index % 50 == 0 else 1 + rng.geometric(0.6)):
            content = DAMAGES[rng.integers(len(DAMAGES))](content, rng)
        yield f"{index:06d}.{name}", bytes(content)


def _flipped(content: bytearray, rng: np.random.Generator) -> bytearray:
    for place in rng.integers(0, max(len(content), 1), rng.geometric(0.1)) if content else ():
        content[place] ^= 1 << rng.integers(8)
    return content


def _changed(content: bytearray, rng: np.random.Generator) -> bytearray:
    # The headers, at the two ends, are where a changed byte does most.
    edge = min(len(content), 1500)
    for _ in range(rng.geometric(0.2) if edge else 0):
        content[rng.integers(edge) - (edge if rng.random() < 0.5 else 0)] = rng.integers(256)
    return content


def _shortened(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[: rng.integers(len(content) + 1)]


def _beheaded(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[rng.integers(min(len(content), 4000) + 1) :]


def _zeroed(content: bytearray, rng: np.random.Generator) -> bytearray:
    start = rng.integers(len(content) + 1)
    count = min(rng.integers(1, 2000), len(content) - start)
    content[start : start + count] = bytes(int(count))
    return content


def _swapped(content: bytearray, rng: np.random.Generator) -> bytearray:
    if len(content) < 8:
        return content
    count = int(rng.integers(1, len(content) // 4 + 1))
    one, other = (int(place) for place in rng.integers(0, len(content) - count + 1, 2))
    held = content[one : one + count]
    content[one : one + count] = content[other : other + count]
    content[other : other + count] = held
    return content


def _stretched(content: bytearray, rng: np.random.Generator) -> bytearray:
    start = rng.integers(len(content) + 1)
    count = int(rng.integers(1, 3000))
    return content[:start] + bytearray(rng.bytes(count)) * int(rng.integers(1, 3)) + content[start:]


def _other_length(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Another number in front of the name of a box of an MP4, or of four bytes anywhere."""
    known = (b"moov", b"trak", b"stsz", b"stco", b"stts", b"ctts", b"elst", b"tkhd", b"avcC", b"stsd", b"mdat", b"idx1")
    found = content.find(known[rng.integers(len(known))])
    start = max(0, found - 4) if found > 0 and rng.random() < 0.5 else int(rng.integers(len(content) + 1))
    start += int(rng.choice([0, 8, 12, 16]))
    value = int(rng.choice([0, 1, 2**16, 2**31 - 1, 2**32 - 1, int(rng.integers(2**32))]))
    if start + 4 <= len(content):
        content[start : start + 4] = value.to_bytes(4, "big")
    return content


DAMAGES = (_flipped, _changed, _shortened, _beheaded, _zeroed, _swapped, _stretched, _other_length, *MISLEADING)


def decode_mutations(folder: Path, count: int, seed: int) -> tuple[list[dict], FramesStore]:
    """Write `count` damaged videos and decode them as one shard; the rows of its table, and its store."""
    (folder / "bases").mkdir()
    (folder / "videos").mkdir()
    found = []
    for name, content in mutations(bases(folder / "bases"), count, seed):
        path = folder / "videos" / name
        path.write_bytes(content)
        part = {"start_share": 0.0, "end_share": 1.0, "lead_s": 0.0, "fingerprint": ""}
        found.append({"id": name, "split": "train", "path": str(path), "bytes": len(content), "shard": 0, **part})
    store, manifest = folder / "0.zarr", folder / "0.manifest.json"
    rows = decode_shard(pd.DataFrame(found), CONFIG, store, manifest, lambda *_: None)
    return rows, FramesStore(store, manifest)


def main() -> None:
    parser = argparse.ArgumentParser(description="Decode damaged videos and count what became of them.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows, store = decode_mutations(Path(folder), arguments.count, arguments.seed)
    print(f"{len(rows)} videos in {time.monotonic() - began:.0f} s, {len(store.times)} frames stored")
    print(*(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).items()), sep=", ")
    reasons = Counter(row["reason"] for row in rows if row["reason"].startswith("the decoder"))
    print("\n".join(f"{count} x {reason}" for reason, count in reasons.items()) or "no crash, no hang")


if __name__ == "__main__":
    main()
