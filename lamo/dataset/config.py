"""Settings of the videos that a run is made of."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from lamo.section import Section


def _kind(value: Any) -> str:
    return "tagged-several" if isinstance(value, Mapping) else "tagged-one"


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w-]*$")]
Folder = Annotated[str, Field(pattern=r"\S")]
Split = Annotated[str, Field(pattern=r"^(folders|by_video|by_time|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")]
# Of several kinds, each value is checked as the one that it looks like, so that an error speaks of that alone.
Folders = Annotated[
    Annotated[Folder, Tag("tagged-one")] | Annotated[dict[Name, Folder], Tag("tagged-several")], Discriminator(_kind)
]
Splits = Annotated[
    Annotated[Split, Tag("tagged-one")] | Annotated[dict[Name, Split], Tag("tagged-several")], Discriminator(_kind)
]


class VideosConfig(Section):
    """Where the videos come from and how they are divided into training and held-out clips."""

    root: Folders | None = Field(
        None,
        description="folder of the videos; or several, each under a name with which its clips begin (roads: "
        "path/to/roads); null renders the synthetic driving world of section `world`",
    )
    split: Splits = Field(
        "folders",
        description="folders: subfolders train and val (also below videos/, as in BDD100K); by_video: whole videos are "
        "held out; by_time: the end of every video is held out; package.module:function: a data set with a division of "
        "its own (CONTRIBUTING.md); of several folders, one for all or one for each name",
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

    @property
    def names(self) -> list[str]:
        """The names of the folders of videos, if they have some."""
        return [name for name in self.folders if name]

    @property
    def folders(self) -> dict[str, str]:
        """The folders of videos by name; a single one has no name, and the synthetic world has none."""
        if self.root is None:
            return {}
        return {"": self.root} if isinstance(self.root, str) else dict(self.root)

    def split_of(self, name: str) -> str:
        """How the videos of one of the folders are divided."""
        return self.split if isinstance(self.split, str) else self.split[name]

    def of_folder(self, name: str) -> "VideosConfig":
        """The same settings for one of the folders alone."""
        return self.model_copy(update={"root": self.folders.get(name), "split": self.split_of(name)})

    @model_validator(mode="after")
    def _of_one_folder(self) -> "VideosConfig":
        """Refuse what is said for each of several folders where these have other names, or there is one alone."""
        names = set(self.names)
        if self.root is not None and not self.folders:
            raise ValueError("videos.root: found no folder, expected at least one: a path, or names with a path each")
        if isinstance(self.split, dict) and set(self.split) != names:
            found, expected = (", ".join(sorted(each)) for each in (self.split, names))
            named = f"those of videos.root: {expected}" if names else "one word, since videos.root has no names"
            raise ValueError(f"videos.split: found the names {found}, expected {named}")
        for key in ("poses", "info", "stills"):
            if names and (found := getattr(self, key)) is not None:
                raise ValueError(
                    f"videos.{key}: found {found} where videos.root has named folders, expected null; give it "
                    "in a run of the one folder that it belongs to"
                )
        return self
