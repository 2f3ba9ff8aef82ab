"""Pictures in colours other than those of BT.709, as BT.709 shows them.

Light of high dynamic range is brought to a display that has none: 203 cd/m2, the white of ITU-R BT.2408, becomes its
white, and what is brighter in a video is rolled off by the curve of BT.2390, from the video's own brightest light.
"""

import numpy as np

from lamo.video.colour import Colours
from lamo.video.light import STEPS, encoded, pq_decoded, pq_encoded, shown

WHITE = 2.03
# A few pixels are brighter than what counts as the brightest: noise, and the overshoot of codecs.
BRIGHTEST_SHARE = 0.999


class Tone:
    """Converts the pictures of one video: those of high dynamic range are held until all of them have been seen."""

    def __init__(self) -> None:
        self._counts = np.zeros(STEPS, dtype=np.int64)
        self._gain: np.ndarray | None = None

    def converted(self, picture: np.ndarray, colours: Colours) -> np.ndarray:
        """A picture uint16 [H, W, 3] in BT.709: uint8, or of high dynamic range uint16, for `finished`."""
        light = shown(picture, colours)
        if not colours.hdr:
            return encoded(light)
        held = np.rint((STEPS - 1) * pq_encoded(light)).astype(np.uint16)
        self._counts += np.bincount(held.max(axis=-1).ravel(), minlength=STEPS)
        return held

    def finished(self, picture: np.ndarray) -> np.ndarray:
        """The picture uint8; to be asked once all pictures have been converted."""
        if picture.dtype == np.uint8:
            return picture
        if self._gain is None:
            self._gain = gain(self.brightest)
        return encoded(LIGHT[picture] * self._gain[picture.max(axis=-1)][..., None])

    @property
    def brightest(self) -> float:
        """The light of the brightest channel that only one pixel in a thousand exceeds; 100 cd/m2."""
        cumulated = np.cumsum(self._counts)
        return float(LIGHT[np.searchsorted(cumulated, BRIGHTEST_SHARE * cumulated[-1])])


LIGHT = pq_decoded(np.arange(STEPS) / (STEPS - 1)).astype(np.float32)


def gain(brightest: float) -> np.ndarray:
    """By what a pixel is multiplied, by the PQ number of its brightest channel, so that white becomes 1."""
    light = np.maximum(LIGHT, 1e-6)
    if brightest <= WHITE:
        return np.full(STEPS, 1 / WHITE, dtype=np.float32)
    return (rolled_off(light, brightest) / light / WHITE).astype(np.float32)


def rolled_off(light: np.ndarray, brightest: float) -> np.ndarray:
    """Light of at most `WHITE` for light of up to `brightest`: the EETF of BT.2390 without its lift of black.

    In PQ numbers relative to the brightest, E1: a line up to the knee KS, then a Hermite spline that ends level.
    """
    scale = pq_encoded(np.array(brightest))
    e1 = np.minimum(pq_encoded(light) / scale, 1)
    most = float(pq_encoded(np.array(WHITE)) / scale)
    knee = 1.5 * most - 0.5
    t = np.maximum(e1 - knee, 0) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return pq_decoded(scale * np.where(e1 < knee, e1, spline))
