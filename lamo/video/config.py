"""Config of stage 01: the frames that everything after it works on."""

from typing import Literal

from pydantic import Field

from lamo.section import Section


class ShardsConfig(Section):
    """Into how many stores the frames of a split are divided; one job each."""

    train: int = Field(2, ge=1, description="shards of the training split; count")
    val: int = Field(1, ge=1, description="shards of the held-out split; count")

    def counts(self) -> dict[str, int]:
        """Shards by split."""
        return {"train": self.train, "val": self.val}


class FramesConfig(Section):
    """The frames that everything after stage 01 works on."""

    height: int = Field(32, ge=8, description="height of the frames; pixels; published: 224")
    width: int = Field(64, ge=8, description="width of the frames; pixels; published: 224")
    rate_hz: float = Field(
        5.0, gt=0, description="frames per second of the time grid; 1/s; at 5 the paper's horizons are 1, 3 and 8 steps"
    )
    fit: Literal["crop", "stretch"] = Field(
        "crop", description="crop: cut the middle out at the target's aspect ratio; stretch: distort to it"
    )
    min_frames: int = Field(
        12,
        ge=1,
        description="frames that a clip must have to be used; history, horizon and Midway's unrolling must fit in; "
        "12: history 3, the present frame, and 8 steps (1.6 s); another value decodes all videos again",
    )
    max_gap_s: float = Field(
        0.5,
        gt=0,
        le=60,
        description="longest time between neighbouring frames of a video inside a clip; s; where a video has a longer "
        "hole, or its clock goes back by more, only its longest stretch without such a break is used and the clip "
        "counts as repaired",
    )
    video_time_limit_s: float = Field(
        600.0, gt=0, description="time that decoding one video may take, above which it is quarantined as hanging; s"
    )
    video_memory_limit_mb: int = Field(
        2000,
        ge=500,
        description="address space of the process that decodes, above which a video is quarantined; 2^20 bytes; a "
        "guard against damaged files; all frames of a clip lie in it, so hours at 224 x 224 need more",
    )
    shards: ShardsConfig = Field(ShardsConfig(), description="stores per split")
    max_quarantined_share: float = Field(
        0.05, ge=0, le=1, description="share of unusable clips above which the workflow stops"
    )
