"""Small files, and how the listing of the videos sees them."""

from pathlib import Path

from lamo.dataset.walk import VideoFile, video_files


def listed(path: Path) -> VideoFile:
    (file,) = [file for file in video_files(path.parent, [path.suffix]) if file.path == str(path)]
    return file


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
