"""What a video says of its colours: the numbers of ITU-T H.273, by ffmpeg's names."""

from dataclasses import dataclass

import av
from av.video.reformatter import Colorspace

BT709, BT2020, PQ, HLG = 1, 9, 16, 18
TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    PQ: "smpte2084",
    17: "smpte428",
    HLG: "arib-std-b67",
}
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
# Numbers that say nothing: reserved ones, and "unspecified".
UNSAID = (0, 2, 3)
# Of matrices 0 says something: RGB.
UNSAID_MATRIX = (2, 3)
# Other curves of cameras and of screens that were recorded, watched on the same display: that of BT.709.
SAME_DISPLAY = (1, 6, 7, 11, 12, 13, 14, 15)
# The matrix that is meant where none is named, by the primaries or else by the transfer.
MATRIX_BY_PRIMARIES = {BT709: Colorspace.ITU709, BT2020: Colorspace.BT2020}
MATRIX_BY_TRANSFER = {BT709: Colorspace.ITU709, 14: Colorspace.BT2020, 15: Colorspace.BT2020}
# Those of P3 have no matrix of their own: the transfer decides.
P3 = (11, 12)


def transfer_name(number: int) -> str | None:
    """The name of a transfer; None where the number says nothing."""
    return None if number in UNSAID else TRANSFERS.get(number, str(number))


def primaries_name(number: int) -> str | None:
    """The name of primaries; None where the number says nothing."""
    return None if number in UNSAID else PRIMARIES.get(number, str(number))


@dataclass(frozen=True)
class Colours:
    """Transfer and primaries of a picture, where they differ from those of BT.709; else BT.709's numbers."""

    transfer: int = BT709
    primaries: int = BT709

    @property
    def hdr(self) -> bool:
        """Whether the transfer is one of the two of BT.2100, of high dynamic range."""
        return self.transfer in (PQ, HLG)


def colours(transfer: int, primaries: int) -> Colours:
    """What has to be converted. What says nothing is taken for BT.709; with a transfer of BT.2100, for BT.2020."""
    shown = BT709 if transfer in UNSAID or transfer in SAME_DISPLAY else transfer
    if primaries in UNSAID:
        primaries = BT2020 if shown in (PQ, HLG) else BT709
    return Colours(shown, primaries)


def matrix_of(frame: av.VideoFrame, shown: Colours) -> Colorspace | None:
    """The matrix to tell the scaler of, for a frame of those colours that names none.

    None: the one that the frame names or, where nothing speaks for another, ffmpeg's choice, that of BT.601. For a
    frame in RGB the scaler heeds none.
    """
    if frame.colorspace not in UNSAID_MATRIX:
        return None
    if shown.primaries == BT2020:
        return Colorspace.BT2020
    if frame.color_primaries in (*UNSAID, *P3):
        return MATRIX_BY_TRANSFER.get(frame.color_trc)
    return MATRIX_BY_PRIMARIES.get(frame.color_primaries)
