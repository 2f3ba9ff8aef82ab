"""Latent state to pixels."""

from typing import TYPE_CHECKING

from lamo.lazy import on_demand

LAZY = {
    "DecoderConfig": "lamo.decoder.config",
    "PixelDecoder": "lamo.decoder.pixel_decoder",
}

if TYPE_CHECKING:
    from lamo.decoder.config import DecoderConfig as DecoderConfig
    from lamo.decoder.pixel_decoder import PixelDecoder as PixelDecoder
else:
    __getattr__ = on_demand(__name__, LAZY)
