"""The light of a picture: from the numbers of its file to the light of a display, and to the numbers of BT.709.

Light is counted in units of 100 cd/m2, the white of a display of BT.709. The formulas: ITU-R BT.2100 for the two
transfers of high dynamic range, BT.1886 for displays of BT.709, SMPTE RP 177 for the matrices of primaries, Bradford
for the adaptation between their whites.
"""

from functools import cache

import numpy as np

from lamo.video.colour import BT709, HLG, PQ, Colours

D65, C, E = (0.3127, 0.3290), (0.310, 0.316), (1 / 3, 1 / 3)
# Chromaticities x, y of red, green, blue and white, by the number of H.273.
CHROMATICITIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65),
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), C),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), E),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
GAMMA = 2.4
# Of a display of HLG: its peak in units of 100 cd/m2, and the exponent of its system gamma.
HLG_PEAK, HLG_GAMMA = 10.0, 1.2
PQ_PEAK = 100.0
M1, M2, C1, C2, C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
STEPS = 65536


def pq_decoded(signal: np.ndarray) -> np.ndarray:
    """Light of a PQ signal of 0 to 1."""
    root = np.power(np.clip(signal, 0, 1), 1 / M2)
    return PQ_PEAK * np.power(np.maximum(root - C1, 0) / (C2 - C3 * root), 1 / M1)


def pq_encoded(light: np.ndarray) -> np.ndarray:
    """PQ signal of light."""
    power = np.power(np.clip(light / PQ_PEAK, 0, 1), M1)
    return np.power((C1 + C2 * power) / (1 + C3 * power), M2)


def hlg_decoded(signal: np.ndarray) -> np.ndarray:
    """Light of the scene, 0 to 1, of an HLG signal of 0 to 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


CURVES = {
    BT709: lambda signal: np.power(signal, GAMMA),
    4: lambda signal: np.power(signal, 2.2),
    5: lambda signal: np.power(signal, 2.8),
    8: lambda signal: signal,
    PQ: pq_decoded,
    17: lambda signal: np.power(signal, 2.6) * 52.37 / 48,
    HLG: hlg_decoded,
}


def shown(picture: np.ndarray, colours: Colours) -> np.ndarray:
    """Light float32 [H, W, 3] of BT.709's primaries that a display shows for a picture uint16 [H, W, 3].

    Negative where a colour lies outside of BT.709.
    """
    light = _curve(colours.transfer)[picture]
    if colours.transfer == HLG:
        luminance = light @ to_xyz(colours.primaries)[1].astype(np.float32)
        light *= HLG_PEAK * np.power(np.maximum(luminance, 1e-9), HLG_GAMMA - 1)[..., None]
    return light @ to_bt709(colours.primaries).T.astype(np.float32)


def encoded(light: np.ndarray) -> np.ndarray:
    """Picture uint8 of BT.709 for light, with 1 for white."""
    return np.rint(255 * np.power(np.clip(light, 0, 1), 1 / GAMMA)).astype(np.uint8)


@cache
def _curve(transfer: int) -> np.ndarray:
    """Light of every signal of 16 bits."""
    return CURVES[transfer](np.arange(STEPS) / (STEPS - 1)).astype(np.float32)


@cache
def to_xyz(primaries: int) -> np.ndarray:
    """The matrix from light of the primaries to XYZ, white having Y = 1."""
    *corners, white = [np.array([x, y, 1 - x - y]) for x, y in CHROMATICITIES[primaries]]
    matrix = np.stack(corners, axis=1)
    return matrix * np.linalg.solve(matrix, white / white[1])


@cache
def to_bt709(primaries: int) -> np.ndarray:
    """The matrix from light of the primaries to light of BT.709's, white to white."""
    whites = [BRADFORD @ to_xyz(one) @ np.ones(3) for one in (primaries, BT709)]
    adapted = np.linalg.inv(BRADFORD) @ np.diag(whites[1] / whites[0]) @ BRADFORD
    return np.linalg.inv(to_xyz(BT709)) @ adapted @ to_xyz(primaries)
