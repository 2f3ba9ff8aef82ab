"""Titles, directions and decimals of metrics, as tables show them."""

import math
from collections.abc import Sequence

_TITLES = {
    "psnr": "PSNR",
    "psnr_best": "PSNR best",
    "psnr_mean": "PSNR mean",
    "ssim": "SSIM",
    "ssim_best": "SSIM best",
    "ssim_mean": "SSIM mean",
    "mse": "MSE",
    "sharpness": "sharpness",
    "energy_score": "energy",
    "energy_score_latent": "latent energy",
    "spread_latent": "latent spread",
    "fid": "FID",
    "fid_inf": "FID ∞",
    "kid_inception": "KID",
}
_HIGHER = ("psnr", "psnr_best", "psnr_mean", "ssim", "ssim_best", "ssim_mean", "skill")
_NEUTRAL = ("spread", "spread_latent", "coverage")
_DECIMALS = {
    "psnr": 2,
    "psnr_best": 2,
    "psnr_mean": 2,
    "ssim": 3,
    "ssim_best": 3,
    "ssim_mean": 3,
    "sharpness": 2,
    "energy_score": 4,
    "spread": 4,
    "energy_score_latent": 3,
    "spread_latent": 3,
    "coverage": 3,
    "skill": 2,
}


def title(metric: str) -> str:
    """A metric as a table's head shows it: "PSNR best", "FD world ∞"."""
    if metric in _TITLES:
        return _TITLES[metric]
    if metric.startswith("kid_"):
        return "KID " + metric.removeprefix("kid_")
    if metric.startswith("fd_"):
        return "FD " + metric.removeprefix("fd_").removesuffix("_inf") + (" ∞" if metric.endswith("_inf") else "")
    return metric.replace("_", " ")


def arrow(metric: str) -> str:
    """↑ where higher is better, ↓ where lower is; →1 for a ratio; nothing where neither is."""
    if metric in ("sharpness", "drift"):
        return "→1"
    if metric in _NEUTRAL:
        return ""
    return "↑" if higher_is_better(metric) else "↓"


def higher_is_better(metric: str) -> bool:
    """Whether more of it is better."""
    return metric in _HIGHER


def is_frechet(metric: str) -> bool:
    """Whether it is the Frechet distance of a run (not the extrapolated one)."""
    return metric == "fid" or (metric.startswith("fd_") and not metric.endswith("_inf"))


def decimals_of(metric: str, values: Sequence[float]) -> int:
    """Decimals that a column is printed with; distances of distributions get three digits at the median of `values`."""
    if metric in _DECIMALS:
        return _DECIMALS[metric]
    known = sorted(abs(value) for value in values if math.isfinite(value))
    median = max(known[len(known) // 2], 1e-9) if known else 1.0
    return min(6, max(0, 2 - math.floor(math.log10(median))))
