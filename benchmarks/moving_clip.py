"""A made clip to measure decoding with: 720p, 30 frames per second, with the motion of a drive."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import VideoReformatter

HEIGHT, WIDTH, FPS, BIT_RATE = 720, 1280, 30, 4_000_000
SCENE_S = 4.0


def write_clip(path: Path, seconds: float, seed: int = 0) -> Path:
    """H.264 at 4 Mbit/s: two scenes, encoded once and repeated until `seconds` are full."""
    once = path.with_suffix(".once.mp4")
    with av.open(str(once), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = HEIGHT, WIDTH, "yuv420p", BIT_RATE
        stream.options = {"preset": "veryfast", "maxrate": str(BIT_RATE), "bufsize": str(2 * BIT_RATE)}
        for index, frame in enumerate(_frames(round(2 * SCENE_S * FPS), np.random.default_rng(seed))):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open(str(path), "w") as container:
        _repeat(once, container, max(1, round(seconds / (2 * SCENE_S))))
    once.unlink()
    return path


def _repeat(once: Path, container: OutputContainer, times: int) -> None:
    """Copy the packets of a video so many times, one after the other."""
    stream = None
    for turn in range(times):
        with av.open(str(once)) as source:
            stream = stream or container.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.dts is None or packet.pts is None:
                    continue
                shift = round(turn * 2 * SCENE_S / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                container.mux(packet)


def _frames(count: int, rng: np.random.Generator) -> Iterator[av.VideoFrame]:
    """Scenes of 4 s, each a texture of all scales that comes nearer and sways, with the noise of a sensor."""
    scaler, noise = VideoReformatter(), rng.integers(-4, 5, (8, HEIGHT, WIDTH, 1), dtype=np.int16)
    scene = round(SCENE_S * FPS)
    for index in range(count):
        step = index % scene
        if step == 0:
            texture = _texture(rng)
        zoom = 1.0 - 0.45 * step / scene
        height, width = round(HEIGHT * zoom) // 2 * 2, round(WIDTH * zoom) // 2 * 2
        sway = np.sin(2 * np.pi * step / scene * np.array([1.0, 2.0]))
        top = round((HEIGHT - height) * (0.5 + 0.2 * sway[0]))
        left = round((WIDTH - width) * (0.5 + 0.3 * sway[1]))
        near = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(texture[top : top + height, left : left + width]), "rgb24"
        )
        full = scaler.reformat(near, width=WIDTH, height=HEIGHT, format="rgb24", threads=1).to_ndarray()
        noisy = np.clip(full + noise[rng.integers(8)], 0, 255).astype(np.uint8)
        yield av.VideoFrame.from_ndarray(noisy, "rgb24")


def _texture(rng: np.random.Generator) -> np.ndarray:
    """Smooth random patches of every size, from a ninth of the picture's height down to two pixels, uint8 [H, W, 3]."""
    total, scaler = np.zeros((HEIGHT, WIDTH, 3)), VideoReformatter()
    for side in (80, 40, 16, 8, 4, 2):
        patches = av.VideoFrame.from_ndarray(_random(rng, HEIGHT // side, WIDTH // side), "rgb24")
        total += side**0.6 * scaler.reformat(patches, WIDTH, HEIGHT, interpolation="BICUBIC", threads=1).to_ndarray()
    total = (total - total.mean()) / total.std()
    return np.clip(118 + 45 * total, 0, 255).astype(np.uint8)


def _random(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
