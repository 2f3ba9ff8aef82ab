"""The files of a figure: a picture to look at, and the same for papers."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from lamo.stores.atomic import replacing

# Without dates and names of programs, and with names of parts that are not random: the same bytes each time.
_METADATA = {
    ".png": {"Software": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    ".svg": {"Creator": None, "Date": None},
}


def save(figure: Figure, path: str | Path) -> None:
    """Write `figure` as the PNG `path` and, beside it, as PDF and SVG, which can be enlarged."""
    with matplotlib.rc_context({"svg.hashsalt": "lamo"}):
        for ending, metadata in _METADATA.items():
            with replacing(Path(path).with_suffix(ending)) as temporary:
                figure.savefig(temporary, format=ending[1:], dpi=130, metadata=metadata)
            # The others are laid out as the first, which takes most of the time.
            figure.set_layout_engine("none")
