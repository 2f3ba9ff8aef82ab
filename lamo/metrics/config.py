"""Configuration of stage 07: scores, intervals, tables and pictures."""

from typing import Annotated

from pydantic import AfterValidator, Field

from lamo.section import Section

RowLabel = Annotated[str, Field(min_length=1)]
"""A row of the table: the label of a sampler, as flow-4, or the name of a control (`lamo.rollout.control_names`)."""

FVD_LEAST_FRAMES = 9
"""Frames of the shortest clip that I3D takes: it halves their number three times, rounding up, and averages over two of
those that are left."""

EVERY_LEARNED = "learned"
_OVER = " over "


def split_comparison(text: str) -> tuple[str, str]:
    """The two rows of "flow-4 over gmm"; the first may be "learned", which stands for every learned row.

    Raises ValueError if the text has another form. Whether the rows exist is checked against the whole configuration.
    """
    first, over, second = text.partition(_OVER)
    if not (over and first.strip() and second.strip()):
        raise ValueError("expected two rows as in 'flow-4 over gmm' or 'learned over constant_motion'")
    if second == EVERY_LEARNED:
        raise ValueError("'learned' can only stand first, as in 'learned over constant_motion'")
    if first == second:
        raise ValueError("expected two different rows")
    return first, second


def _checked(text: str) -> str:
    split_comparison(text)
    return text


Comparison = Annotated[str, AfterValidator(_checked)]


class BootstrapConfig(Section):
    """Intervals over clips: clips are drawn with repetition; for distances of distributions, clips are left out."""

    resamples: int = Field(1000, ge=100, description="clip resamples; count; usual for 95 % percentiles")
    frechet_groups: int = Field(
        100,
        ge=20,
        description="intervals of distances of distributions are made by leaving clips out one by one, or where there "
        "are more than this, in so many groups; count; own choice",
    )


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]
"""The first 8 digits of a SHA-256, or more."""


class FidConfig(Section):
    """FID proper: Inception features of clean-fid."""

    weights: str | None = Field(
        None,
        description="path of the standard inception-2015-12-05.pt (TorchScript); null: a Frechet distance on features "
        "trained on the synthetic world stands in, in a column named fd_world; paper section 5",
    )
    sha256: Sha256 | None = Field(
        "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
        description="first digits of the SHA-256 of metrics.fid.weights, at least 8; another file is refused; null: "
        "any file is taken; default: that of the standard file",
    )


class LpipsConfig(Section):
    """LPIPS with AlexNet (Zhang et al. 2018); torchmetrics has its weights of the layers."""

    weights: str | None = Field(
        None,
        description="path of torchvision's alexnet-owt-7be5be79.pth, the network on which LPIPS stands; null: there is "
        "no LPIPS",
    )
    sha256: Sha256 | None = Field(
        "7be5be79",
        description="first digits of the SHA-256 of metrics.lpips.weights, at least 8; another file is refused; null: "
        "any file is taken; default: the digits in the name of torchvision's file",
    )


class FvdConfig(Section):
    """FVD: I3D features of clips, of the observed frames of a window and the predicted ones after them."""

    weights: str | None = Field(
        None,
        description="path of the standard i3d_torchscript.pt (TorchScript, StyleGAN-V's); null: there is no FVD. It "
        f"takes clips of {FVD_LEAST_FRAMES} frames, and more windows than its 400 features (rollouts.single_windows)",
    )
    sha256: Sha256 | None = Field(
        "bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2",
        description="first digits of the SHA-256 of metrics.fvd.weights, at least 8; another file is refused; null: "
        "any file is taken; default: that of the standard file",
    )


class WorldFeaturesTraining(Section):
    """Length of the training of the feature network; `lamo.metrics.features.world` has the rest of its settings."""

    steps: int = Field(600, ge=1, description="optimiser steps; measured")
    batch: int = Field(64, ge=2, description="frames per step; measured")


class WorldFeaturesConfig(Section):
    """The feature network that reads the synthetic world's state from a frame, and its training."""

    frames: int = Field(6000, ge=64, description="frames rendered for training; count; measured")
    held_out_frames: int = Field(600, ge=32, description="frames of other drives that measure R2; count; own choice")
    frames_per_drive: int = Field(10, ge=1, description="frames taken from one simulated drive; count; measured")
    width: int = Field(16, ge=4, description="channels of the first convolution; count; measured")
    training: WorldFeaturesTraining = Field(WorldFeaturesTraining(), description="training of the network")


class SheetConfig(Section):
    """The contact sheet."""

    windows: int = Field(
        4, ge=1, description="windows shown, of clips with more true motion than half of them; count; own choice"
    )
    rows: tuple[RowLabel, ...] = Field(
        ("ideal_futures", "oracle_motion", "flow-4", "gmm", "gmm-linear", "state-4", "constant_motion"),
        description="rows below the truth, by sampler or control; those a run does not have are left out; own choice",
    )
    tile_width: int = Field(192, ge=32, description="width to enlarge frames to, by whole factors; pixels; own choice")


class RolloutVideosConfig(Section):
    """The MP4s of rollouts side by side."""

    number: int = Field(4, ge=0, description="videos, one per window of the contact sheet's choice; count; own choice")
    rows: tuple[RowLabel, ...] = Field(
        ("oracle_motion", "flow-4", "gmm", "gmm-linear", "state-4"),
        description="tiles beside the truth, by sampler or control; those a run lacks are left out; own choice",
    )
    tile_width: int = Field(256, ge=32, description="width to enlarge frames to, by whole factors; pixels; own choice")


class ProbeConfig(Section):
    """What each group of motion tokens moves; the linear probe of ego motion has no settings (`lamo.probing.probe`)."""

    windows: int = Field(
        64, ge=2, description="held-out steps in which groups of motion tokens are swapped, at most; count; own choice"
    )


class MetricsConfig(Section):
    """Stage 07: what is measured, and how it is shown."""

    horizons_s: tuple[float, ...] = Field(
        (0.2, 0.6, 1.6),
        min_length=1,
        description="horizons of the table; s after the context; paper section 5",
    )
    bootstrap: BootstrapConfig = Field(BootstrapConfig(), description="intervals")
    comparisons: tuple[Comparison, ...] = Field(
        (
            "ideal_futures over flow-4",
            "oracle_motion over shuffled_motion",
            "oracle_motion over persistence_blurred",
            "flow-4 over state-4",
            "gmm over flow-4",
            "gmm-mean over flow-4",
            "flow-4 over gmm",
            "flow-4 over flow-50",
            "learned over constant_motion",
            "learned over persistence_blurred",
            "flow-4 over gmm-linear",
            "gmm over gmm-linear",
            "state-4 over state-linear",
            "gmm-linear over state-linear",
            "state-4 over persistence_latent",
        ),
        description="rows compared window by window; learned: every row that is no control; rows that a run lacks are "
        "left out; claims of the paper",
    )
    fid: FidConfig = Field(FidConfig(), description="Frechet distance on Inception features")
    lpips: LpipsConfig = Field(LpipsConfig(), description="distance of single frames from the truth as people see it")
    fvd: FvdConfig = Field(FvdConfig(), description="Frechet distance on I3D features of clips")
    world_features: WorldFeaturesConfig = Field(WorldFeaturesConfig(), description="Frechet distance without Inception")
    sheet: SheetConfig = Field(SheetConfig(), description="contact sheet")
    videos: RolloutVideosConfig = Field(RolloutVideosConfig(), description="videos of rollouts")
    probe: ProbeConfig = Field(ProbeConfig(), description="what motion tokens mean")
