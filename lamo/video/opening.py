"""Opening a video file: what is no file with content, or no container of video, is refused."""

import os
import stat
from pathlib import Path

import av
from av.container import InputContainer

from lamo.video.decoded import UnusableError

# Only containers: a playlist or a list of pictures that calls itself a video would lead to other files.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,ivf,nut,mxf,rm,wtv,dv,gif,"
    "h264,hevc,av1,obu,m4v,mjpeg,vc1"
)
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_container(path: Path) -> InputContainer:
    """The file, opened; to be closed by the caller. Raises `UnusableError` where there is nothing to be read."""
    _check_file(path)
    try:
        # Absolute, so that a colon in a name is no protocol; files only, so that nothing leads to the network.
        options = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
        return av.open(str(path.absolute()), options=options, metadata_errors="replace")
    except MemoryError as error:
        raise MemoryError(str(error)) from None
    except (av.FFmpegError, OSError) as error:
        raise UnusableError(f"not a video that can be opened ({plain(error)})") from error


def _check_file(path: Path) -> None:
    """Refuse what is no file with content. Only `stat` is asked: opening a named pipe would wait for its writer."""
    try:
        found = os.stat(path)
    except OSError as error:
        broken = path.is_symlink()
        raise UnusableError(f"{'broken link' if broken else 'cannot be read'} ({plain(error)})") from error
    for is_kind, name in KINDS:
        if is_kind(found.st_mode):
            raise UnusableError(f"not a file but {name}")
    if found.st_size == 0:
        raise UnusableError("empty file (0 bytes)")


def plain(error: BaseException) -> str:
    """What the system or ffmpeg calls an error."""
    return getattr(error, "strerror", None) or str(error)
