"""Configuration of the random crops and changes of light that training frames go through."""

from typing import Annotated

from pydantic import AfterValidator, Field

from lamo.section import Section

Range = tuple[float, float]


def _above_zero(value: Range) -> Range:
    if not 0 < value[0] <= value[1]:
        raise ValueError("expected two numbers above 0, the smaller one first")
    return value


def _shares(value: Range) -> Range:
    if _above_zero(value)[1] > 1:
        raise ValueError("expected two shares of the area, above 0 and at most 1")
    return value


PositiveRange = Annotated[Range, AfterValidator(_above_zero)]
AreaShares = Annotated[Range, AfterValidator(_shares)]
STRETCH = "aspect ratio of a box over that of the frame, drawn from this range"


class PhotometricConfig(Section):
    """Random changes of colour and sharpness; the strengths are those of Caron et al. (2021)."""

    jitter: float = Field(
        0.0, ge=0, le=1, description="probability of a change of brightness, contrast, saturation and hue; 0: none"
    )
    brightness: float = Field(0.4, ge=0, le=1, description="brightness is multiplied by 1 plus or minus up to this")
    contrast: float = Field(0.4, ge=0, le=1, description="the same of the distance from the mean grey")
    saturation: float = Field(0.2, ge=0, le=1, description="the same of the distance from each pixel's grey")
    hue: float = Field(0.1, ge=0, le=0.5, description="hues turn by up to this share of the colour circle, either way")
    greyscale: float = Field(0.0, ge=0, le=1, description="probability that colours are dropped")
    blur: float = Field(0.0, ge=0, le=1, description="probability of a Gaussian blur")
    blur_sigma: PositiveRange = Field(
        (0.1, 2.0), description="standard deviation of the blur; pixels of the network's input"
    )


class AugmentationConfig(Section):
    """Random crops and light of the windows that the dynamics learn from."""

    scale: AreaShares | None = Field(
        None,
        description="area share of a random box, one per window and the same in all its frames, resized to the size of "
        "the frames; published: [0.2, 0.4]; null: whole frames, the default, whose 32 x 64 pixels leave boxes of that "
        "share 14 to 20 pixels high",
    )
    stretch: PositiveRange = Field((0.75, 1.3333), description=STRETCH)
    mirror: float = Field(
        0.0,
        ge=0,
        le=1,
        description="probability that a window is mirrored, all its frames together; 0 by default, since traffic keeps "
        "to one side of the road",
    )
    photometric: PhotometricConfig = PhotometricConfig()
    same_light: bool = Field(
        True,
        description="one draw of the photometric changes for all frames of a window, so that a change of light is not "
        "mistaken for motion; false: a draw of its own for each frame",
    )
