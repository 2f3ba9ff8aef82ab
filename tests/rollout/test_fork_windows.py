"""Windows shortly before forks, from tables as the renderer of the synthetic world writes them."""

import numpy as np
import pandas as pd
import pytest

from lamo.dataset.world_drives import ForkLabels
from lamo.errors import LamoError
from lamo.rollout.config import RolloutsConfig
from lamo.rollout.fork_windows import ELSEWHERE, groups_of, rollout_windows
from lamo.stores.rollouts import Window

RATE, HISTORY, FRAMES = 5.0, 3, 60
CONFIG = RolloutsConfig(stride_s=1.0, windows_per_clip=1, fork_windows=2)
# Of each clip: its drive's kind of forks, and the times of their choices, s.
CLIPS = {
    "val/a": ("junction", [3.0, 8.1]),
    "val/b": ("", []),
    "val/c": ("light", [0.4, 5.0, 6.6, 9.0, 11.9]),
    "val/d": ("lead", [11.0]),
}


def table(name: str, kind: str, choices: list[float]) -> pd.DataFrame:
    """Labels of 12 s at 30 frames per second."""
    time = np.arange(360) / 30
    coming = [next((choice for choice in choices if choice > t + 1e-9), np.nan) for t in time]
    wait = np.array(coming) - time
    known = np.isfinite(wait)
    ways = np.where(known, "left", "")
    return pd.DataFrame(
        {"clip": name, "time_s": time, "fork": np.where(known, kind, ""), "fork_time_s": wait, "fork_way": ways}
    )


@pytest.fixture
def labels(tmp_path):
    tables = [table(clip.replace("/", "-"), *forks) for clip, forks in CLIPS.items()]
    pd.concat(tables).to_parquet(tmp_path / "val.parquet")
    paths = [f"/videos/val/{clip.replace('/', '-')}.mov" for clip in CLIPS]
    pd.DataFrame({"id": list(CLIPS), "path": paths}).to_parquet(tmp_path / "found.parquet")
    return ForkLabels.read([tmp_path / "found.parquet", tmp_path / "val.parquet"])


def choice_after(window: Window, history: int = HISTORY) -> float:
    """Time from the present frame of a window to the next choice, s."""
    present = (window.start + history) / RATE
    return min((one - present for one in CLIPS[window.clip_id][1] if one > present), default=np.inf)


def test_each_fork_that_can_be_rolled_out_gives_a_window_and_the_others_stay(labels):
    lengths = dict.fromkeys(CLIPS, FRAMES)
    plain = rollout_windows(lengths, CONFIG, RATE, HISTORY, None)
    chosen = rollout_windows(lengths, CONFIG, RATE, HISTORY, labels)
    assert set(plain) <= set(chosen)
    assert chosen == sorted(set(chosen), key=lambda window: (window.clip_id, window.start))
    added = [window for window in chosen if window not in plain]
    assert [window for window in chosen if window.at_fork] == added
    assert all(0.1 - 1e-6 <= choice_after(window) <= 1.0 + 1e-6 for window in added)
    counts = {clip: sum(window.clip_id == clip for window in added) for clip in CLIPS}
    # Of c the first comes too early for a context, the last too late for a future; two of the others are kept.
    assert counts["val/a"] == 2
    assert counts["val/b"] == 0
    assert counts["val/c"] == 2
    assert all(window.start + HISTORY + 1 + 8 <= FRAMES for window in chosen)
    assert rollout_windows(lengths, CONFIG, RATE, HISTORY, labels) == chosen
    none = CONFIG.model_copy(update={"fork_windows": 0})
    assert rollout_windows(lengths, none, RATE, HISTORY, labels) == plain


def test_windows_begin_at_different_times_before_their_forks(labels):
    waits = set()
    config = CONFIG.model_copy(update={"fork_windows": 8})
    for history in (1, 2, 3):
        chosen = rollout_windows(dict.fromkeys(CLIPS, FRAMES), config, RATE, history, labels)
        waits |= {round(choice_after(window, history), 2) for window in chosen if choice_after(window, history) <= 1}
    assert len(waits) > 3


def test_groups_are_named_by_the_fork_that_comes_shortly(labels):
    windows = [Window("val/a", start) for start in (8, 9, 10, 12, 20)] + [Window("val/b", 4), Window("val/c", 21)]
    groups = groups_of(windows, HISTORY, RATE, labels)
    # Present frames at 2.2, 2.4, 2.6, 3.0 and 4.6 s before the choice at 3.0 s, then at 8.1 s.
    assert groups == ["junction" if w in (0.8, 0.6, 0.4) else ELSEWHERE for w in (0.8, 0.6, 0.4, 0.0, 3.5)] + [
        ELSEWHERE,
        "light",
    ]


def test_no_labels_no_forks_and_a_clip_without_labels_is_named(labels):
    assert ForkLabels.read([]) is None
    with pytest.raises(LamoError, match="clip val/other: the world's labels name no drive"):
        labels.ahead("val/other", np.zeros(1))
