"""The table of clips, summarised for people: how many clips, how long, and what was wrong with how many."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pandas as pd

from lamo.dataset.bdd100k.info import JOINED, MISSING, UNREADABLE
from lamo.dataset.companions import Companions
from lamo.dataset.division import folder_of
from lamo.video.decoded import OK, QUARANTINED, REPAIRED

EXAMPLES = 3
MOST_LINES = 20
NUMBER = re.compile(r"\d+(?:\.\d+)?")
# A larger difference between the durations of info file and video is reported.
DURATION_TOLERANCE_S = 2.0


def clips_summary(
    clips: pd.DataFrame,
    rate_hz: float,
    info: dict[str, Any] | None = None,
    stills: dict[str, Any] | None = None,
    copies: Sequence[Sequence[str]] = (),
    folders: Sequence[str] = (),
) -> str:
    """The table of clips as Markdown.

    `info` and `stills` are `companion_facts`, None where there is no such folder; `copies` the paths of files of the
    same content, in groups; `folders` the names of the folders that the videos lie in, where there are several.
    """
    parts = [
        "# Clips",
        _counts(clips, rate_hz, folders),
        *_group(clips, QUARANTINED, "Quarantined: not used"),
        *_group(clips, REPAIRED, "Repaired: used, and what was done"),
        *_copies(copies),
        *_info(clips, info),
        *_stills(stills),
    ]
    return "\n\n".join(parts) + "\n"


def companion_facts(folder: str, clips: pd.DataFrame, companions: Companions) -> dict[str, Any]:
    """What a summary says of a folder of files that lie beside the videos: how many videos have one, and the rest."""
    videos = set(clips["path"])
    without = clips.loc[~clips["path"].isin(set(companions.files)), "id"]
    return {
        "folder": folder,
        "videos": len(videos),
        "matched": len(companions.files),
        "without_examples": sorted(without)[:EXAMPLES],
        "extra": companions.extra_by_folder(folder),
    }


def reasons(texts: pd.Series) -> list[tuple[str, list[Any]]]:
    """Kinds of reasons, most frequent first, each with the index labels of the clips that have it.

    A clip counts once for each of its reasons (divided by "; "); reasons that differ only in numbers are of one kind,
    in which numbers that differ are called N.
    """
    kinds: dict[str, list[Any]] = defaultdict(list)
    numbers: dict[str, list[list[str]]] = defaultdict(list)
    for label, text in texts.items():
        for part in dict.fromkeys(text.split("; ")):
            kind = NUMBER.sub("{}", part.replace("{", "(").replace("}", ")"))
            numbers[kind].append(NUMBER.findall(part))
            if kinds[kind][-1:] != [label]:
                kinds[kind].append(label)
    named = []
    for kind, labels in kinds.items():
        values = [each[0] if len(set(each)) == 1 else "N" for each in zip(*numbers[kind], strict=True)]
        named.append((kind.format(*values), labels))
    return sorted(named, key=lambda item: (-len(item[1]), item[0]))


def _counts(clips: pd.DataFrame, rate_hz: float, folders: Sequence[str]) -> str:
    """Clips and hours of each split and, where there are several, of each folder."""
    of_folders = [(name, clips[clips["id"].map(folder_of) == name]) for name in folders]
    groups = [(f"{name}: {split}", rows) for name, part in of_folders for split, rows in part.groupby("split")]
    lines = [
        f"| {'folder: ' if folders else ''}split | clips | ok | repaired | quarantined | hours of video | frames | "
        "hours of frames |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for label, rows in [*groups, *clips.groupby("split"), ("all", clips)]:
        status, frames = rows["status"].value_counts(), int(rows["frames"].sum())
        # The parts of a video that is divided by time are clips of one file.
        hours = rows.drop_duplicates("path")["duration_s"].sum() / 3600
        numbers = [f"{len(rows):,}", *(f"{status.get(name, 0):,}" for name in (OK, REPAIRED, QUARANTINED))]
        numbers += [f"{hours:,.2f}", f"{frames:,}", f"{frames / rate_hz / 3600:,.2f}"]
        lines.append(f"| {label} | {' | '.join(numbers)} |")
    return "\n".join(lines)


def _group(clips: pd.DataFrame, status: str, title: str) -> list[str]:
    rows = clips[clips["status"] == status]
    if rows.empty:
        return []
    lines = ["| clips | reason | as in |", "|---:|---|---|"]
    for kind, labels in reasons(rows["reason"]):
        examples = ", ".join(f"`{cell(name)}`" for name in rows.loc[labels[:EXAMPLES], "id"])
        lines.append(f"| {len(labels):,} | {cell(kind)} | {examples} |")
    return [f"## {title}", "\n".join(lines)]


def _copies(copies: Sequence[Sequence[str]]) -> list[str]:
    if not copies:
        return []
    lines = ["- " + " = ".join(f"`{cell(name)}`" for name in group) for group in copies[:MOST_LINES]]
    if len(copies) > MOST_LINES:
        lines.append(f"- and {len(copies) - MOST_LINES:,} more")
    return ["## The same video under several names", "\n".join(lines)]


def _info(clips: pd.DataFrame, facts: dict[str, Any] | None) -> list[str]:
    if facts is None:
        return []
    status = clips["info_status"].value_counts()
    counts = ", ".join(f"{status.get(name, 0):,} {name}" for name in (JOINED, MISSING, UNREADABLE))
    lines = [f"- clips: {counts}", *_lines(facts)]
    for kind, labels in reasons(clips.loc[clips["info_reason"].fillna("") != "", "info_reason"]):
        examples = ", ".join(f"`{cell(name)}`" for name in clips.loc[labels[:EXAMPLES], "id"])
        lines.append(f"- {_clips(len(labels))}: {cell(kind)}, as in {examples}")
    if count := int(clips["timelapse"].eq(True).sum()):
        lines.append(f"- {_clips(count)} marked as time-lapse: frames are further apart than they seem")
    apart = (clips["info_duration_s"] - clips["duration_s"]).abs() > DURATION_TOLERANCE_S
    if count := int(apart.sum()):
        lines.append(
            f"- {_clips(count)} whose video is more than {DURATION_TOLERANCE_S:g} s off the duration by info files"
        )
    return [f"## Info files in `{cell(facts['folder'])}`", "\n".join(lines)]


def _stills(facts: dict[str, Any] | None) -> list[str]:
    if facts is None:
        return []
    lines = [*_lines(facts), "- what they show beside the decoded frames: stills.md"]
    return [f"## Stills in `{cell(facts['folder'])}`", "\n".join(lines)]


def _lines(facts: dict[str, Any]) -> list[str]:
    without = facts["videos"] - facts["matched"]
    lines = [f"- videos: {facts['matched']:,} of {facts['videos']:,} have a file, {without:,} have none"]
    if without:
        lines[0] += f", as {', '.join(f'`{cell(name)}`' for name in facts['without_examples'])}"
    if facts["extra"]:
        most = sorted(facts["extra"].items(), key=lambda item: -item[1])[:10]
        folders = ", ".join(f"{count:,} in `{cell(name)}`" for name, count in most)
        lines.append(f"- files without a video: {sum(facts['extra'].values()):,} ({folders})")
    return lines


def _clips(count: int) -> str:
    return f"{count:,} clip{'s' if count != 1 else ''}"


def cell(text: str) -> str:
    """Text for a cell of a Markdown table: in one line, without the signs that end a cell or a quotation."""
    return " ".join(text.split()).replace("|", "/").replace("`", "'")
