"""Decoding the clips of one shard into its frames store."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from lamo.progress import Bar
from lamo.stores.frames import FramesWriter
from lamo.video.config import FramesConfig
from lamo.video.decoded import OK, QUARANTINED, Part
from lamo.video.sandbox import Sandbox

KNOWN = ("id", "split", "path", "bytes", "shard")


def decode_shard(
    found: pd.DataFrame,
    config: FramesConfig,
    store: str | Path,
    manifest: str | Path,
    check: Callable[[str, str], None],
) -> list[dict[str, Any]]:
    """Decode the clips of one shard (rows of `find_videos`) into a frames store; return a row per clip for the table.

    Clips are stored in the order of their ids; quarantined ones have a row but no frames.
    For each that is not ok, `check(path, fingerprint)` is asked whether the file itself is as it was listed
    (`lamo.dataset.fingerprints.check_unchanged`); if that raises, nothing is written: a passing fault of the disk must
    not become a fact about a video.
    """
    clips = found.sort_values("id").to_dict("records")
    wanted = [(clip["path"], Part(clip["start_share"], clip["end_share"], clip["lead_s"])) for clip in clips]
    rows = []
    with FramesWriter(store, manifest, config.height, config.width) as writer, Sandbox(config) as sandbox:
        shown = Bar(clips, desc="decoding", unit="video")
        for clip, decoded in zip(shown, sandbox.decode_all(wanted), strict=True):
            if decoded.status != OK:
                check(clip["path"], clip["fingerprint"])
            if decoded.status != QUARANTINED:
                writer.add_clip(clip["id"], decoded.frames, decoded.times)
            outcome = {"frames": len(decoded.frames), "status": decoded.status, "reason": decoded.reason}
            rows.append({**{name: clip[name] for name in KNOWN}, **vars(decoded.source), **outcome})
    return rows
