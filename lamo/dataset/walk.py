"""Listing the files below a folder whose names look like videos. No file is opened here."""

import logging
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field

from lamo.dataset.outputs import lies_in_outputs, outputs_among, passed_over
from lamo.errors import LamoError
from lamo.stores.checksums import FOREIGN_FOLDERS

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}

log = logging.getLogger(__name__)
_said: set[str] = set()


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
    folder: str | os.PathLike[str],
    extensions: Collection[str],
    outside: Collection[str] = (),
    written: bool = False,
) -> list[VideoFile]:
    """Files below `folder` with one of the extensions (in small or capital letters), in no particular order.

    Hidden files and folders (leading dot), those of the system (`FOREIGN_FOLDERS`) and the folders `outside` are passed
    over; also what runs of LaMo wrote (`lamo.dataset.outputs`), which a warning says, unless `written`. Links to
    folders are followed, once each and after all real folders, so that neither loops nor a link added beside change
    what a file is called. Raises `LamoError` for a folder that may not be listed: the videos in it would go missing
    unnoticed.
    """
    wanted = tuple(f".{extension.lstrip('.')}".lower() for extension in extensions)
    walk = _Walk(os.fspath(folder), wanted, written, visited={os.path.realpath(path) for path in outside})
    level = [("", os.path.realpath(folder))]
    while level:
        walk.links = []
        todo = [place for place in level[::-1] if place[1] not in walk.visited and not walk.is_output(*place)]
        while todo:
            name, real = todo.pop()
            if real not in walk.visited:
                walk.visited.add(real)
                todo += walk.list_folder(name, real)
        level = sorted(walk.links)
    if walk.outputs:
        _say(passed_over(map(shown, walk.outputs)))
    return walk.files


@dataclass
class _Walk:
    """What was found so far: files, links to folders (name and real path), and folders that runs of LaMo wrote."""

    folder: str
    wanted: tuple[str, ...]
    written: bool
    visited: set[str]
    files: list[VideoFile] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    outputs: set[str] = field(default_factory=set)
    known: dict[str, bool] = field(default_factory=dict)

    def list_folder(self, name: str, real: str) -> list[tuple[str, str]]:
        """Add the files of one folder and its links to folders; return its real folders, as name and real path."""
        place = os.path.join(self.folder, name)
        entries = [entry for entry in _entries(place) if not _is_foreign(entry.name)]
        outputs = set() if self.written else outputs_among(real, {entry.name for entry in entries})
        if outputs:
            self.outputs.add(place)
        folders = []
        for entry in entries:
            below = f"{name}/{entry.name}" if name else entry.name
            if entry.name in outputs:
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append((below, os.path.join(real, entry.name)))
            elif entry.is_symlink() and _is_folder(entry):
                self.links.append((below, os.path.realpath(entry.path)))
            elif entry.name.lower().endswith(self.wanted):
                self._add_file(below, entry)
        return folders

    def is_output(self, name: str, real: str) -> bool:
        """Whether a folder that a link leads to, or that is the first, lies in what a run of LaMo wrote."""
        if real not in self.known:
            self.known[real] = not self.written and lies_in_outputs(real)
        if self.known[real]:
            self.outputs.add(os.path.join(self.folder, name))
        return self.known[real]

    def _add_file(self, name: str, entry: os.DirEntry[str]) -> None:
        if entry.is_symlink() and self.is_output(os.path.dirname(name), os.path.dirname(os.path.realpath(entry.path))):
            return
        self.files.append(_file(name, entry))


def _is_foreign(name: str) -> bool:
    return name.startswith(".") or name in FOREIGN_FOLDERS


def _say(sentence: str) -> None:
    """Warn, once a process: what is looked for may be looked for again."""
    if sentence not in _said:
        _said.add(sentence)
        log.warning("%s", sentence)


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
