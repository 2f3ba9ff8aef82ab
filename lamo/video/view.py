"""How the pictures of one video are shown, as its file asks, and what was done for that."""

from collections.abc import Iterator
from dataclasses import replace

import av
import numpy as np

from lamo.video.colour import BT709, Colours, colours, primaries_name, transfer_name
from lamo.video.crop import Crop, Cropper
from lamo.video.declared import stereo_note
from lamo.video.light import CHROMATICITIES, CURVES
from lamo.video.pictures import Converter
from lamo.video.stream import Progress
from lamo.video.tone import WHITE, Tone


class View:
    """Crops, turns, scales and colours the frames of one video.

    Each frame is treated by what it says itself, so that a video may change its size, shape of pixels or colours.
    `progress`: what is learnt of the whole video. `now`: that of the look at the frames, if it is a second one.
    """

    def __init__(self, converter: Converter, progress: Progress, now: Progress | None = None) -> None:
        self._converter = converter
        self._progress = progress
        self._now = now or progress
        self._tone = Tone()
        self._cropper: Cropper | None = None
        self._colours: dict[tuple[int, int, int, int], Colours] = {}
        self._sizes: dict[tuple[int, int], None] = {}
        self._aspects: dict[float, None] = {}
        self._notes: list[str] = []

    def picture(self, frame: av.VideoFrame) -> np.ndarray:
        """The picture uint8 of a frame; uint16, to be finished, of one in high dynamic range."""
        self._cropper = self._cropper or self._first(frame)
        self._sizes[frame.width, frame.height] = None
        said = (frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range)
        if said not in self._colours:
            self._colours[said] = self._convertible(colours(*said[:2]))
        wanted = self._colours[said]
        aspect, orientation = self._pixel_aspect(), self._now.orientation(frame)
        picture = self._converter.picture(self._cropper.cropped(frame), orientation, aspect, wanted)
        return picture if wanted == Colours() else self._tone.converted(picture, wanted)

    def finished(self, picture: np.ndarray) -> np.ndarray:
        """The picture uint8; to be asked after the last frame."""
        return self._tone.finished(picture)

    def notes(self) -> Iterator[str]:
        """What was done because the file asks for it, and what could not be done."""
        yield from self._progress.fields.notes()
        if self._progress.crop != Crop():
            yield self._progress.crop.note()
        for one in dict.fromkeys(self._colours.values()):
            if one != Colours():
                yield f"{self._named(one)} shown as bt709{self._tone_of(one)}"
        yield from self._notes
        if len(self._sizes) > 1:
            yield f"the size changes: {', then '.join(f'{width} x {height}' for width, height in self._sizes)}"
        if len(self._aspects) > 1:
            yield f"the shape of pixels changes: {', then '.join(f'{aspect:.4g}' for aspect in self._aspects)}"
        if len(self._colours) > 1:
            yield "what frames say of their colours changes: each is taken by its own"

    def _named(self, one: Colours) -> str:
        other = {"transfer": transfer_name(one.transfer), "primaries": primaries_name(one.primaries)}
        return " and ".join(f"{name} {value}" for name, value in other.items() if value != "bt709")

    def _tone_of(self, one: Colours) -> str:
        if not one.hdr:
            return ""
        brightest = 100 * self._tone.brightest
        rolled = f", light up to {brightest:.0f} cd/m2 rolled off" if self._tone.brightest > WHITE else ""
        return f" (white at {100 * WHITE:.0f} cd/m2{rolled})"

    def _first(self, frame: av.VideoFrame) -> Cropper:
        progress = self._progress
        progress.source = replace(
            progress.source,
            transfer=transfer_name(frame.color_trc),
            primaries=primaries_name(frame.color_primaries),
        )
        if any(component.is_alpha for component in frame.format.components):
            self._notes.append("an alpha channel, left out")
        eyes = stereo_note(frame)
        if eyes and eyes not in progress.notes:
            self._notes.append(eyes)
        return Cropper(progress.crop)

    def _convertible(self, asked: Colours) -> Colours:
        """What of it there are formulas for."""
        if asked.transfer not in CURVES:
            self._notes.append(f"transfer {transfer_name(asked.transfer)} cannot be converted, taken for bt709")
            asked = replace(asked, transfer=BT709)
        if asked.primaries not in CHROMATICITIES:
            self._notes.append(f"primaries {primaries_name(asked.primaries)} cannot be converted, taken for bt709")
            asked = replace(asked, primaries=BT709)
        return asked

    def _pixel_aspect(self) -> float:
        """A pixel's width by its height: that of the stream, until the decoder comes to know another one."""
        aspect = self._now.coded_aspect()
        self._aspects[aspect] = None
        return self._now.pixel_aspect if aspect == self._now.first_aspect else aspect
