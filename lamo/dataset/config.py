"""Settings of the videos that a run is made of."""

from pydantic import Field

from lamo.section import Section


class VideosConfig(Section):
    """Where the videos come from and how they are divided into training and held-out clips."""

    root: str | None = Field(
        None, description="folder of the videos; null renders the synthetic driving world of section `world`"
    )
    split: str = Field(
        "folders",
        pattern=r"^(folders|by_video|by_time|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$",
        description="folders: subfolders train and val (also below videos/, as in BDD100K); by_video: whole videos are "
        "held out; by_time: the end of every video is held out; package.module:function: a data set with a division of "
        "its own (CONTRIBUTING.md)",
    )
    val_fraction: float = Field(
        0.1, gt=0, lt=1, description="share of the videos (by_video) or of each video's time (by_time) that is held out"
    )
    guard_s: float = Field(
        1.0,
        ge=0,
        description="by_time: time between a video's training part and its held-out part, which belongs to neither; s",
    )
    extensions: tuple[str, ...] = Field(
        (".mov", ".mp4", ".avi", ".mkv", ".m4v", ".webm", ".mpg", ".ts"),
        min_length=1,
        description="file name extensions that count as video, in small or capital letters",
    )
    poses: str | None = Field(
        None,
        description="table of the camera's poses (.csv, .csv.gz or .parquet), a row per frame of every video: file "
        "(below root), frame, x, y, z (m), dx, dy, dz (where the camera looks), z upwards; with it, the probe reads "
        "speed and yaw rate from the motion tokens",
    )
    info: str | None = Field(
        None,
        description="folder of BDD100K's info files (GPS, speed, rotation), one <name>.json per video, joined to the "
        "table of clips; null looks for info/100k or info beside the videos",
    )
    stills: str | None = Field(
        None,
        description="folder of the stills at second 10 of the videos, one <name>.jpg per video, with which decoded "
        "frames are compared; null looks for images/100k beside the videos",
    )
