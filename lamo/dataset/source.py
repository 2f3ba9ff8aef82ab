"""Where the videos of a run come from, as the rules of the workflow see it.

A rule file asks the source for what it needs and never which source it is. The synthetic world and a folder of videos
are two sources; how the videos of a folder are divided is a setting (`lamo.dataset.division`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lamo.dataset.companions import INFO_PLACES, STILL_PLACES, companion_folder
from lamo.dataset.config import VideosConfig
from lamo.dataset.division import SPLITS
from lamo.dataset.poses import poses_file

WORLD = "<frames>/world"
"""Where a run puts its synthetic world, as a path of Snakemake's."""


@dataclass(frozen=True)
class Source:
    """A source of videos.

    Attributes:
        folders: the folders of the videos by name (`VideosConfig.folders`); empty if the run renders them.
        videos: folders that rules of the run fill with videos, with a manifest each; empty if the videos are there.
        manifests: these manifests.
        labels: tables of the true state of each drive of the world (see `lamo.world.labels`); empty for other videos.
        poses: the table of the camera's poses (see `lamo.dataset.poses`); None if there is none.
        info: the folder of BDD100K's info files of the videos; None if there is none.
        stills: the folder of BDD100K's stills of the videos; None if there is none.
    """

    folders: Mapping[str, str] = field(default_factory=dict)
    videos: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    poses: str | None = None
    info: str | None = None
    stills: str | None = None

    @property
    def motion(self) -> bool:
        """Whether the true motion of the camera is known."""
        return bool(self.labels or self.poses)


def source_of(config: VideosConfig) -> Source:
    """The source that a run's `videos` describe.

    Raises `LamoError` if videos.info or videos.stills is no folder, or videos.poses no file of a table.
    """
    folders = config.folders
    if not folders:
        return Source(
            videos=tuple(f"{WORLD}/videos/{split}" for split in SPLITS),
            manifests=tuple(f"{WORLD}/videos/{split}.manifest.json" for split in SPLITS),
            labels=tuple(f"{WORLD}/labels/{split}.parquet" for split in SPLITS),
        )
    return Source(
        folders=folders,
        poses=None if config.poses is None else poses_file(config.poses),
        info=companion_folder("videos.info", config.info, folders.get(""), INFO_PLACES),
        stills=companion_folder("videos.stills", config.stills, folders.get(""), STILL_PLACES),
    )
