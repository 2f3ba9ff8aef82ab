"""Files that lie beside the videos and share their names: BDD100K's info files and stills."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lamo.dataset.walk import shown, video_files
from lamo.errors import LamoError

INFO_PLACES, INFO_ENDINGS = ("info/100k", "info"), (".json",)
STILL_PLACES, STILL_ENDINGS = ("images/100k",), (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Companions:
    """Which file belongs to which video (by its path, as in the table of clips), and the files that belong to none."""

    files: dict[str, Path]
    extra: list[Path]

    def extra_by_folder(self, folder: str | Path) -> dict[str, int]:
        """How many files without a video each folder below `folder` holds, most first."""
        counts = Counter(shown(path.parent.relative_to(folder)) for path in self.extra)
        return dict(counts.most_common())


def companion_folder(key: str, given: str | None, root: str | Path | None, places: Iterable[str]) -> str | None:
    """The folder of the files that belong to the videos at `root`; None if there is none, or no single root.

    It is `given`, the value of the config key `key`, or the first of `places` that exists in the folder that holds
    videos/, as BDD100K is unpacked; `root` may be that folder, videos/ or videos/100k/.
    Raises `LamoError` if `given` is no folder.
    """
    if given is not None:
        if not Path(given).is_dir():
            found = "a file" if Path(given).exists() else "nothing"
            raise LamoError(
                f"config: {key}: found {found} at {given}, expected a folder; correct the path or set it to null"
            )
        return given
    if root is None:
        return None
    # Relative stays relative: results that are moved along with their videos stay up to date.
    root = Path(root) if Path(root).name else Path(root).absolute()
    bases = [root]
    if root.name == "100k" and root.parent.name == "videos":
        bases.append(root.parents[1])
    elif root.name == "videos":
        bases.append(root.parent)
    return next((str(base / place) for base in bases for place in places if (base / place).is_dir()), None)


def match(videos: Iterable[str], folder: str | Path, endings: tuple[str, ...]) -> Companions:
    """Find for every video the file below `folder` that has its name up to the ending.

    Where names occur in several folders, a video takes the file whose folders are called as its own (train/a.mov takes
    100k/train/a.json), and a file goes to the video that is nearest to it in this sense.
    """
    by_name = defaultdict(list)
    for path in sorted(Path(file.path) for file in video_files(folder, endings, written=True)):
        by_name[shown(path.stem)].append(path)
    claims: dict[Path, list[tuple[int, str]]] = defaultdict(list)
    for video in dict.fromkeys(videos):
        offered = by_name.get(Path(video).stem, [])
        if offered:
            best = max(offered, key=lambda path: _same_folders(video, path))
            claims[best].append((_same_folders(video, best), video))
    files: dict[str, Path] = {}
    for path, claimants in claims.items():
        nearest = max(count for count, _ in claimants)
        files |= {video: path for count, video in claimants if count == nearest}
    return Companions(files, [path for paths in by_name.values() for path in paths if path not in claims])


def listing(folder: str | None, endings: tuple[str, ...]) -> str | None:
    """Hash of names, sizes and times of change of the files below `folder`: what makes a table of them out of date."""
    if folder is None:
        return None
    entries = sorted(
        (shown(file.name), file.size, file.times_ns[0]) for file in video_files(folder, endings, written=True)
    )
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()[:16]


def _same_folders(video: str, path: Path) -> int:
    """How many folders directly above the video and the file have the same names."""
    count = 0
    for one, other in zip(reversed(Path(video).parts[:-1]), reversed(path.parts[:-1]), strict=False):
        if one != shown(other):
            break
        count += 1
    return count
