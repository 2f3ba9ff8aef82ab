"""The metrics: one `Metric` object for each. Tables, captions, figures and comparisons follow from it.

To add a metric, declare it in `_DECLARED` below and add the function that computes it, under the same name, to
`FRAME_METRICS` in `lamo.metrics.pixel` (a score of single frames) or to `SAMPLE_METRICS` in `lamo.metrics.samples`
(a score of all samples of a window together). There is nothing else to change.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

from lamo.errors import LamoError
from lamo.metrics.rows import NAMED_FRECHET, distance_names, frechet_of

Better = Literal["higher", "lower", "one", "neither"]
Table = Literal["main", "samples"]

_ARROWS: dict[Better, str] = {"higher": "↑", "lower": "↓", "one": "→1", "neither": ""}
_HINTS: dict[Better, str] = {
    "higher": "higher is better",
    "lower": "lower is better",
    "one": "1 is right",
    "neither": "",
}


@dataclass(frozen=True)
class Metric:
    """How a metric is read and where it is shown. Every metric is in the CSV and Parquet files.

    Attributes:
        name: as in the CSV and Parquet files.
        title: as in the head of a table.
        better: which values are better: higher ones, lower ones, those near one, or neither.
        decimals: decimals in tables; None for three digits at the median of a column.
        unit: as "dB"; empty for a number without unit.
        table: the table that shows it; None for none.
        figure: whether it has a panel in the figure of metrics against time.
        long_title: title of that panel, if `title` is too short for it.
        hint: how to read it, in a few words; made from `better` if it is not given.
        level: value at which the panel has a line.
        compare: whether rows are compared by it, which needs a direction.
        about: what it is, for the caption of its table: a phrase without full stop.
        of_samples: it is of all samples of a window together, not of a single one.
        of_sets: it belongs to a whole set of frames, not to a window, as a distance between distributions does.
    """

    name: str
    title: str
    _: KW_ONLY
    better: Better
    decimals: int | None = None
    unit: str = ""
    table: Table | None = None
    figure: bool = False
    long_title: str = ""
    hint: str = ""
    level: float | None = None
    compare: bool = False
    about: str = ""
    of_samples: bool = False
    of_sets: bool = False

    def __post_init__(self) -> None:
        if self.better not in _ARROWS:
            raise LamoError(f"metric {self.name!r}: found better={self.better!r}, expected {', '.join(_ARROWS)}")
        if self.compare and self.better not in ("higher", "lower"):
            raise LamoError(
                f"metric {self.name!r}: found compare=True with better={self.better!r}, expected 'higher' or 'lower': "
                "a difference favours a row only if the metric has a direction"
            )

    @property
    def arrow(self) -> str:
        """↑, ↓, →1 or nothing."""
        return _ARROWS[self.better]

    @property
    def title_with_unit(self) -> str:
        """ "PSNR (dB)" """
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def reading(self) -> str:
        """ "higher is better" """
        return self.hint or _HINTS[self.better]

    @property
    def panel_title(self) -> str:
        """ "PSNR (dB), higher is better" """
        title = self.long_title or self.title_with_unit
        return f"{title}, {self.reading}" if self.reading else title

    def decimals_for(self, values: Sequence[float]) -> int:
        """Decimals that a column with `values` is printed with."""
        if self.decimals is not None:
            return self.decimals
        known = sorted(abs(value) for value in values if math.isfinite(value))
        median = max(known[len(known) // 2], 1e-9) if known else 1.0
        return min(6, max(0, 2 - math.floor(math.log10(median))))


_BEST = (
    "score of the best of a window's samples, chosen with the truth in hand, so that it rises with their number; with "
    "one sample it is that sample's score"
)
_MEAN = "score of the pixelwise mean of the samples; with one sample it is that sample's score"
_LATENT = "energy and spread of normalised latent states, n/a where a method has none"
_POINT = (
    "a method without chance has one future, whose error is its energy score; n/a where one future was drawn of many, "
    "since half the distance to a second one is missing"
)

_DECLARED = (
    # Of single frames.
    Metric(
        "psnr", "PSNR", better="higher", decimals=2, unit="dB", table="main", figure=True, compare=True,
        about="of single frames, higher is better",
    ),
    Metric(
        "ssim", "SSIM", better="higher", decimals=3, table="main", figure=True, compare=True,
        about="of single frames, higher is better",
    ),
    Metric(
        "sharpness", "sharpness", better="one", decimals=2, table="main", figure=True, level=1.0,
        about="gradient energy over that of the truth, 1 is right and 0.5 is blur, n/a where every true frame is blank",
    ),
    Metric(
        "lpips", "LPIPS", better="lower", decimals=3, table="main", figure=True, compare=True,
        about="distance of single frames from the true ones in layers of AlexNet, weighted as people judge (Zhang et "
        "al. 2018, version 0.1), frames enlarged bilinearly to 64 pixels on the shorter side where they have fewer, "
        "lower is better",
    ),
    Metric("mse", "MSE", better="lower"),
    Metric("drift", "drift", better="one", figure=True, level=1.0, long_title="state norm over the true one"),
    # Of all samples of a window.
    Metric(
        "psnr_best", "PSNR best", better="higher", decimals=2, unit="dB", table="samples", of_samples=True,
        about=_BEST,
    ),
    Metric(
        "ssim_best", "SSIM best", better="higher", decimals=3, table="samples", of_samples=True,
        about=_BEST,
    ),
    Metric(
        "psnr_mean", "PSNR mean", better="higher", decimals=2, unit="dB", table="samples", compare=True,
        of_samples=True, about=_MEAN,
    ),
    Metric(
        "ssim_mean", "SSIM mean", better="higher", decimals=3, table="samples", of_samples=True,
        about=_MEAN,
    ),
    Metric(
        "energy_score", "energy", better="lower", decimals=4, table="main", figure=True, compare=True, of_samples=True,
        long_title="energy score of pixels",
        about="energy score of the samples' pixels, root mean square error less half the mean distance between "
        f"samples, in 0..1 units, lower is better; {_POINT}",
    ),
    Metric(
        "energy_features", "feature energy", better="lower", decimals=3, table="main", figure=True, compare=True,
        of_samples=True, long_title="energy score of ImageNet features",
        about="the same of the frames' features in a network trained on ImageNet, divided by the spread of the true "
        "frames' features, lower is better; it sees noise, streaks and blocks that pixels hardly see",
    ),
    Metric(
        "distance_features", "feature distance", better="lower", decimals=3, table="samples", of_samples=True,
        about="mean distance of one sample's ImageNet features from the truth's, in units of the true frames' spread, "
        "lower is better; of one sample, so that all rows can be compared in it",
    ),
    Metric(
        "spread", "spread", better="neither", decimals=4, table="samples", of_samples=True,
        about="mean distance between two samples (root mean square, pixels in 0..1), n/a where a row has one sample",
    ),
    Metric(
        "coverage", "coverage", better="neither", decimals=3, table="samples", of_samples=True,
        about="share of pixel values within the range of the samples, n/a where a row has one sample",
    ),
    Metric(
        "coverage_oracle", "coverage of oracle", better="neither", decimals=3, table="samples", of_samples=True,
        about="the same of the frames that oracle motion gives, which misses only what the predictor leaves out",
    ),
    Metric(
        "energy_score_latent", "latent energy", better="lower", decimals=3, table="samples", of_samples=True,
        about=_LATENT,
    ),
    Metric(
        "spread_latent", "latent spread", better="neither", decimals=3, table="samples", of_samples=True,
        about=_LATENT,
    ),
    Metric(
        "nll_motion", "NLL of a step", better="lower", decimals=3, unit="nats/value", table="samples", compare=True,
        of_samples=True,
        about="negative log-likelihood of the true motion tokens that lead to this step from the one before, given the "
        "true past, nats per normalised value; exact for mixtures and Gaussians, for flows that of their differential "
        "equation whatever the number of steps, estimated without bias; n/a where a row has no density and at times "
        "that rollouts.horizons_s does not name",
    ),
    Metric(
        "nll_state", "NLL of states", better="lower", decimals=3, unit="nats/value", table="samples", compare=True,
        of_samples=True,
        about="the same of the true latent state, which compares with rows of states alone",
    ),
    # Of a whole row.
    Metric(
        "skill", "skill", better="higher", decimals=2, table="samples", figure=True, level=0.0,
        long_title="skill against the last frame", hint="0 is none",
        about="1 - MSE / MSE of the last observed frame, single samples; 0 is no better than it",
    ),
)  # fmt: skip

METRICS: dict[str, Metric] = {one.name: one for one in _DECLARED}
"""All metrics by name, but for the distances of a feature extractor, which `distances` declares."""


_TITLES = {
    "fid": ("FID", "KID"),
    "fvd": ("FVD I3D", "KVD I3D"),
    "fd_imagenet": ("FD ImageNet", "KID ImageNet"),
}
OWN_WORLD = "fd_world"
"""Its network was trained to read the state of the synthetic world: a second opinion, and of that world alone."""


def distances(frechet: str) -> tuple[Metric, Metric]:
    """The distances that `lamo.metrics.rows.distance_names` names."""
    names = distance_names(frechet)
    features = frechet.removeprefix("fd_")
    titles = _TITLES.get(frechet, (f"FD {features}", f"KID {features}"))
    main = frechet != OWN_WORLD
    return (
        Metric(
            names[0], titles[0], better="lower", table="main" if main else "samples",
            figure=frechet != "fvd",  # whole clips have one number, which makes no curve
            compare=main, of_sets=True,
        ),
        Metric(names[1], titles[1], better="lower", table="samples", of_sets=True),
    )  # fmt: skip


def in_order(names: Iterable[str]) -> list[str]:
    """Each metric once, as they are declared; distances of features stand after them."""
    declared = list(METRICS)
    return sorted(dict.fromkeys(names), key=lambda one: declared.index(one) if one in METRICS else len(declared))


def metric(name: str) -> Metric:
    """The metric of that name. Raises `LamoError` if there is none."""
    if name in METRICS:
        return METRICS[name]
    frechet = frechet_of(name) if name.startswith("kid_") else name
    if frechet in NAMED_FRECHET or frechet.startswith("fd_"):
        return next(one for one in distances(frechet) if one.name == name)
    raise LamoError(
        f"metric {name!r} is computed but not declared; expected one of {', '.join(METRICS)}, or a distance of "
        "features; declare it in lamo/metrics/catalogue.py"
    )
