"""Tables in documents: the command that makes a table replaces it between two marks in the text."""

from pathlib import Path

from lamo.errors import LamoError
from lamo.stores.atomic import replacing


def replace_between(path: Path, name: str, text: str) -> None:
    """Put `text` between the marks of `name` in the document `path`, in place of what stands there.

    Raises:
        LamoError: a mark is missing or stands there more than once.
    """
    begin = f"<!-- {name}: begin -->"
    end = f"<!-- {name}: end -->"
    document = path.read_text(encoding="utf-8")
    if document.count(begin) != 1 or document.count(end) != 1:
        raise LamoError(
            f"{path}: found no place for the table, expected the lines {begin} and {end} once each; add them"
        )
    before, _, rest = document.partition(begin)
    after = rest.partition(end)[2]
    with replacing(path) as temporary:
        temporary.write_text(f"{before}{begin}\n{text.rstrip()}\n{end}{after}", encoding="utf-8")
