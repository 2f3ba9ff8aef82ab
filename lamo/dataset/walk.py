"""Listing the files below a folder whose names look like videos. No file is opened here."""

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass

from lamo.errors import LamoError

# fsck puts this folder at the top of a file system. It holds no videos, and only root may list it.
NOT_OURS = "lost+found"
KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A file as it was listed: `name` is its path below the folder that was walked, `path` with that folder.

    `size` in bytes, `times_ns` when content and state last changed; `problem` says why it cannot be a video (a broken
    link, a named pipe, ...; then size is 0) and is empty for a regular file.
    """

    name: str
    path: str
    size: int
    times_ns: tuple[int, int]
    problem: str = ""


def video_files(
    folder: str | os.PathLike[str], extensions: Collection[str], outside: Collection[str] = ()
) -> list[VideoFile]:
    """Files below `folder` with one of the extensions (in small or capital letters), in no particular order.

    Hidden files and folders (leading dot) are passed over, and the folders `outside`. Links to folders are followed,
    once each and after all real folders, so that neither loops nor a link added beside change what a file is called.
    Raises `LamoError` for a folder that may not be listed: the videos in it would go missing unnoticed.
    """
    wanted = tuple(f".{extension.lstrip('.')}".lower() for extension in extensions)
    visited = {os.path.realpath(path) for path in outside}
    files: list[VideoFile] = []
    level = [("", os.path.realpath(folder))]
    while level:
        links: list[tuple[str, str]] = []
        todo = level[::-1]
        while todo:
            name, real = todo.pop()
            if real not in visited:
                visited.add(real)
                todo += _list_folder(os.fspath(folder), name, real, wanted, files, links)
        level = sorted(links)
    return files


def _list_folder(
    folder: str, name: str, real: str, wanted: tuple[str, ...], files: list[VideoFile], links: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Append the files of one folder and its links to folders; return its real folders, as name and real path."""
    folders = []
    for entry in _entries(os.path.join(folder, name)):
        if entry.name.startswith(".") or entry.name == NOT_OURS:
            continue
        below = f"{name}/{entry.name}" if name else entry.name
        if entry.is_dir(follow_symlinks=False):
            folders.append((below, os.path.join(real, entry.name)))
        elif entry.is_symlink() and _is_folder(entry):
            links.append((below, os.path.realpath(entry.path)))
        elif entry.name.lower().endswith(wanted):
            files.append(_file(below, entry))
    return folders


def _entries(place: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return list(entries)
    except FileNotFoundError:  # removed since its parent was listed
        return []
    except OSError as error:
        raise LamoError(
            f"{place}: the folder cannot be listed ({error.strerror}); make it readable, or move it away"
        ) from None


def _is_folder(link: os.DirEntry[str]) -> bool:
    try:
        return link.is_dir()
    except OSError:  # a link to itself, or through a folder that may not be entered
        return False


def _file(name: str, entry: os.DirEntry[str]) -> VideoFile:
    try:
        found = entry.stat()
    except OSError as error:
        what = "a link that leads nowhere" if entry.is_symlink() else "a file that cannot be looked at"
        return VideoFile(name, entry.path, 0, (0, 0), f"{what} ({error.strerror})")
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        return VideoFile(name, entry.path, 0, (0, 0), f"not a regular file but {kind}")
    return VideoFile(name, entry.path, found.st_size, (found.st_mtime_ns, found.st_ctime_ns))


def shown(path: str | os.PathLike[str]) -> str:
    """The path as valid UTF-8, as in the table of clips; bytes that are none are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
