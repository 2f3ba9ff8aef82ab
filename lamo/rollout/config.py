"""Settings of the rollouts (stage 06)."""

from typing import Annotated

from pydantic import Field, model_validator

from lamo.errors import LamoError
from lamo.section import Section


class RolloutsConfig(Section):
    """Rollouts of predictors and controls from sliding context windows of the validation clips."""

    horizons_s: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.2, 0.6, 1.6),
        min_length=1,
        description="horizons; s; the longest is rolled out, and likelihoods are computed at all of them (the table "
        "shows metrics.horizons_s); paper: 0.2, 0.6, 1.6",
    )
    samples: int = Field(
        2,
        ge=1,
        description="futures sampled per context; methods without chance give one. With 1 there is no energy score of "
        "the others",
    )
    stride_s: float = Field(1.0, gt=0, description="distance between the context windows of a clip; s")
    windows_per_clip: int = Field(2, ge=1, description="context windows per clip at most, spread evenly over the clip")
    fork_windows: int = Field(
        2,
        ge=0,
        description="further context windows per clip at most that start 0.1 to 1 s before a fork (`world.forks`), one "
        "for each fork; own choice",
    )
    single_windows: int = Field(
        340,
        ge=2,
        description="windows with one future each, of every training seed: what distances between distributions are "
        "made of, which take many windows; spread evenly over the clips; count; the Frechet distance of ImageNet "
        "features takes 321",
    )
    blur_sigmas: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        (0.0, 0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0),
        min_length=1,
        description="blurs among which the blurred persistence is fitted at each horizon; standard deviation in pixels",
    )
    blur_windows: int = Field(300, ge=1, description="windows of training clips on which the blur is fitted, at most")
    seed: int = Field(0, ge=0, description="seed of the sampling; the same noise for every method and training seed")
    batch: int = Field(32, ge=1, description="windows rolled out at once; changes nothing but rounding")
    mixed_precision: bool = Field(
        True,
        description="bfloat16 autocast of encoding, dynamics, predictors and decoder, on devices with units for it",
    )

    @model_validator(mode="after")
    def _contains_no_blur(self) -> "RolloutsConfig":
        if 0.0 not in self.blur_sigmas:
            raise ValueError("rollouts.blur_sigmas must contain 0, so that blurring is never forced")
        return self

    def horizon_steps(self, rate_hz: float) -> tuple[int, ...]:
        """Horizons in rollout steps of 1 / rate_hz s.

        Raises:
            LamoError: a horizon is not a whole number of steps.
        """
        steps = []
        for horizon in self.horizons_s:
            count = round(horizon * rate_hz)
            if count < 1 or abs(count - horizon * rate_hz) > 1e-6:
                raise LamoError(
                    f"rollouts.horizons_s contains {horizon} s, which is {horizon * rate_hz:g} steps of "
                    f"{1 / rate_hz:g} s (frames.rate_hz {rate_hz:g}); expected a whole number of steps, at least 1"
                )
            steps.append(count)
        return tuple(steps)

    def stride_steps(self, rate_hz: float) -> int:
        """Distance between windows in frames, at least 1."""
        return max(1, round(self.stride_s * rate_hz))
