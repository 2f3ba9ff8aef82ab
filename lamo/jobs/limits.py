"""Limits of the tools below, put right or told in one line before the first job.

What a job would run into after hours, or say in another program's words, is looked for when the workflow starts.
"""

import locale
import os
import platform
import resource
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lamo.errors import LamoError

BRACES = "Snakemake takes braces for wildcards"
NOT_IN_PATH = {"{": BRACES, "}": BRACES, os.pathsep: "PYTHONPATH is divided there"}
WILDCARDS = "{}<>"
# What is added to the name of an output while it is written (`lamo.stores.atomic`), beside the name of the machine.
ADDED = len(".-1234567890.partial") + len(".manifest.json")
DEEPEST = len("/01_frames/world/videos/train/") + 2 * len(".snakemake/metadata/")
# For Snakemake, its jobs and their logs.
OPEN_FILES = 1024


def quote_python() -> None:
    """Let Snakemake start scripts by a Python whose path has blanks or other signs of the shell in it.

    Snakemake writes `sys.executable` as it is into the commands that it hands to a shell. Only its own processes are
    changed by this: scripts run in others.
    """
    if Path(sys.executable).exists():  # not quoted yet
        sys.executable = shlex.quote(sys.executable)


def check_python(root: Path) -> None:
    """Check that names of files can be read, and that Snakemake and Python can work in `root`, the folder of LaMo.

    What cannot be printed is printed in other letters from now on.

    Raises:
        LamoError: the locale has another encoding than UTF-8, or the path of the folder has signs that cannot work.
    """
    print_anything()
    if sys.getfilesystemencoding().lower() not in ("utf-8", "utf8"):
        found = f"{sys.getfilesystemencoding()} (locale {locale.setlocale(locale.LC_CTYPE)})"
        raise LamoError(
            f"names of files are read as {found}, expected UTF-8; set PYTHONUTF8=1, or LC_ALL=C.UTF-8, and start again"
        )
    shown = ascii(str(root)) if not str(root).isprintable() or not _is_text(str(root)) else str(root)
    for sign, why in NOT_IN_PATH.items():
        if sign in str(root):
            raise LamoError(f"{shown}: found {sign!r} in the path of LaMo, but {why}; move the folder to another place")
    if not _is_text(str(root)):
        raise LamoError(f"{shown}: found bytes in the path of LaMo that are no UTF-8; move the folder to another place")


def check_names(results: str | Path, names: Iterable[str]) -> None:
    """Check that the file system of the folder `results` takes files with these `names` among others.

    The limit of open files is raised if it is low.

    Raises:
        LamoError: a name or the path is too long. The message says what to do.
    """
    _check_lengths(_nearest(results), max(names, key=len))
    _raise_open_files()


def check_writable(results: str | Path) -> None:
    """Check that a run can write to the folder `results`, in the way in which outputs are written.

    Raises:
        LamoError: it cannot. The message says what to do.
    """
    folder = _nearest(results)
    try:
        _write_and_rename(folder)
    except OSError as error:
        raise LamoError(
            f"{folder}: cannot be written ({error.strerror}), expected a folder in which a run can write; "
            "make it writable, or start in another folder with --directory"
        ) from None


def _nearest(folder: str | Path) -> Path:
    """The nearest folder at or above `folder` that is there."""
    place = Path(folder).absolute()
    return next(one for one in (place, *place.parents) if one.is_dir())


def check_inputs(paths: Mapping[str, str | None]) -> None:
    """Check the paths of files that rules read: a key of the configuration and its value, for each.

    Raises:
        LamoError: one has signs in it that Snakemake takes for wildcards or for path variables.
    """
    for key, path in paths.items():
        for sign in WILDCARDS:
            if path is not None and sign in path:
                raise LamoError(
                    f"{key}: found {sign!r} in the path {path}, which Snakemake takes for a wildcard; "
                    "give it another name, or make a link that leads to it"
                )


def print_anything() -> None:
    """Let this process print letters that its terminal does not have: as codes."""
    streams: tuple[Any, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        if hasattr(stream, "reconfigure") and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _is_text(path: str) -> bool:
    return os.fsencode(path).decode("utf-8", "replace") == path


def _check_lengths(folder: Path, longest: str) -> None:
    # Names count in bytes; all of these are ASCII.
    needed = len(longest) + len(platform.node()) + ADDED
    limit = os.pathconf(folder, "PC_NAME_MAX")
    if needed > limit:
        raise LamoError(
            f"{longest}: found a name of {len(longest)} letters, expected at most {limit - needed + len(longest)} on "
            "this file system; give the run, predictor or sampler a shorter one"
        )
    path = len(os.fsencode(folder)) + 3 * needed + DEEPEST
    if path > os.pathconf(folder, "PC_PATH_MAX"):
        raise LamoError(
            f"{folder}: found a path of {len(str(folder))} letters, which is too long for the files below it; "
            "start in a folder with a shorter path"
        )


def _write_and_rename(folder: Path) -> None:
    """As outputs are written: beside their place, and then renamed."""
    file = folder / f".{platform.node()}-{os.getpid()}.limits"
    try:
        file.write_bytes(bytes(4096))
        file.replace(file.with_suffix(".renamed"))
    finally:
        file.unlink(missing_ok=True)
        file.with_suffix(".renamed").unlink(missing_ok=True)


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
