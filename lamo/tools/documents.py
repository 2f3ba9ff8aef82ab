"""Tables in documents: the command that makes a table replaces it between two marks in the text."""

from pathlib import Path

from lamo.errors import LamoError
from lamo.stores.atomic import replacing


def replace_between(path: Path, name: str, text: str) -> None:
    """Put `text` between the marks of `name` in the document `path`, in place of what stands there.

    Raises:
        LamoError: a mark is missing or stands there more than once.
    """
    before, after = _around(path, name)
    begin, end = _marks(name)
    with replacing(path) as temporary:
        temporary.write_text(f"{before}{begin}\n{text.rstrip()}\n{end}{after}", encoding="utf-8")


def check_marks(path: Path, name: str) -> None:
    """Raise `LamoError` where `replace_between` would, so that of several documents none is changed or all are."""
    _around(path, name)


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def _around(path: Path, name: str) -> tuple[str, str]:
    """What stands before and after the marks of `name`."""
    begin, end = _marks(name)
    document = path.read_text(encoding="utf-8")
    if document.count(begin) != 1 or document.count(end) != 1:
        raise LamoError(
            f"{path}: found no place for the table, expected the lines {begin} and {end} once each; add them"
        )
    before, _, rest = document.partition(begin)
    return before, rest.partition(end)[2]
