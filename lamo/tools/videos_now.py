"""Whether the videos are those that a run decoded, as a start of the workflow would find them."""

import json
import os
from pathlib import Path
from typing import Any

from lamo.config import load_config
from lamo.dataset.listing import look_at_videos, shard_hashes
from lamo.errors import LamoError
from lamo.tools.records import Decoded


class VideosNow:
    """The videos as they are now. They are looked at once for every configuration that a record asks about.

    `problems` has a line for each that could not be compared, e.g. since the videos have been archived.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._shards: dict[str, dict[tuple[str, int], str] | None] = {}

    def changed(self, decoded: Decoded) -> bool:
        """Whether the videos of a shard are others than when it was decoded; False also where this is not known."""
        asked = {name: decoded.config.get(name) for name in ("videos", "frames")}
        key = json.dumps([str(decoded.home), asked], sort_keys=True)
        if key not in self._shards:
            self._shards[key] = self._look(decoded.config, decoded.home)
        shards = self._shards[key]
        return shards is not None and shards.get(decoded.shard) != decoded.videos

    def _look(self, raw: dict[str, Any], home: Path) -> dict[tuple[str, int], str] | None:
        """By split and shard: hash of the videos; None if they cannot be looked at."""
        try:
            config = load_config(raw)
            # Paths of a configuration are seen from the folder in which results/ lies.
            # Not resolved: results/ may be a link to another disk.
            place = Path(os.path.abspath(home)).parents[1]
            roots = {name: str(place / root) for name, root in config.videos.folders.items()}
            videos = config.videos.model_copy(update={"root": roots.get("", roots)})
            found = look_at_videos(videos, config.frames.shards.counts(), home, keep=False)
            return shard_hashes(found)
        except LamoError as error:
            self.problems.append(f"{home}: its videos were not compared with those it was made from: {error}")
            return None
