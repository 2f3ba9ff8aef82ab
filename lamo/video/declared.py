"""What the container of a video says of its pictures where the decoder heeds nothing: a crop, Dolby Vision, and so on.

PyAV gives no access to these data of a stream, but to ffmpeg's description of the file (the text that its command line
shows), and that has them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import av
import av.logging
from av.container import InputContainer

from lamo.video.crop import Crop
from lamo.video.decoded import UnusableError

STREAM = re.compile(r"^  Stream #0:(\d+)")
CROP = re.compile(r"^Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)$")
DOLBY = re.compile(r"^DOVI configuration record: .*profile: (\d+).*compatibility id: (\d+)")
# What is stored as it is.
NAMED = {"Stereo 3D": "a picture for two eyes", "Spherical Mapping": "a spherical picture"}
PACKINGS = ("2D", "side by side", "top and bottom", "frame alternate", "checkerboard", "side by side (quincunx)")


@dataclass(frozen=True)
class Declared:
    """What the container asks for, and what of it is passed over, in words."""

    crop: Crop
    notes: list[str]


def declared(container: InputContainer, index: int) -> Declared:
    """What the container says of the stream of that number.

    Raises `UnusableError` for Dolby Vision whose pictures make no sense without Dolby's own conversion.
    """
    crop, notes = Crop(), []
    for line in _side_data(_description(container), index):
        kind, _, value = line.partition(": ")
        if found := CROP.match(line):
            crop = Crop(*map(int, found.groups()))
        elif found := DOLBY.match(line):
            profile, compatible = map(int, found.groups())
            # Without a base that other decoders understand: the colours are IPTPQc2.
            if compatible == 0 and profile in (5, 10, 20):
                raise UnusableError(f"Dolby Vision of profile {profile}: its colours cannot be converted")
            notes.append(f"Dolby Vision of profile {profile}: its metadata are not used")
        elif kind in NAMED and value.split(",")[0].strip() not in ("2D", "unspecified"):
            notes.append(f"{NAMED[kind]} ({value.split(',')[0].strip()}), stored as it is")
    return Declared(crop, notes)


def stereo_note(frame: av.VideoFrame) -> str | None:
    """What the coded stream says of pictures for two eyes; None if nothing."""
    try:
        said = frame.side_data.get("STEREO3D")
    except ValueError:
        # Side data of a kind that PyAV has no name for: it gives no access to the others either.
        return None
    number = int.from_bytes(bytes(cast(bytes, said))[:4], "little") if said is not None else 0
    name = PACKINGS[number] if number < len(PACKINGS) else "lines or columns in turns"
    return f"{NAMED['Stereo 3D']} ({name}), stored as it is" if number else None


def _description(container: InputContainer) -> str:
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        # PyAV documents it, though its stubs do not have it.
        return str(container.dumps_format())  # type: ignore[attr-defined]
    finally:
        av.logging.set_level(before)


def _side_data(description: str, index: int) -> Iterator[str]:
    """The lines below "Side data:" of one stream. Tags, which may hold any text, stand further to the right."""
    ours, inside = False, False
    for line in description.splitlines():
        if found := STREAM.match(line):
            ours, inside = int(found[1]) == index, False
        elif line.startswith("    ") and not line.startswith("     "):
            inside = ours and line == "    Side data:"
        elif inside:
            yield line.strip()
