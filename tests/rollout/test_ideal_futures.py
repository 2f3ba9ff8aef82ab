"""Other true futures of a window: what stage 01 would have stored, had they happened."""

import numpy as np
import pandas as pd
import pytest

from lamo.dataset.world_drives import WorldDrives
from lamo.errors import LamoError
from lamo.rollout.ideal_futures import Branching, ideal_futures
from lamo.stores.rollouts import Window, read_rollouts, write_rollouts
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip
from lamo.world.render import render
from lamo.world.simulation import WorldConfig, clip_of, clip_seed, simulate
from lamo.world.write import write_video

WORLD = WorldConfig(seconds=8.0, choice_seconds=20.0, forks={"junctions": 1.0})
WINDOWS = [Window("val/val-00002.mov", 3), Window("val/val-00003.mov", 12)]


def branching(frames: FramesConfig | None = None, world: WorldConfig = WORLD) -> Branching:
    found = pd.DataFrame({"id": [w.clip_id for w in WINDOWS], "path": [f"/somewhere/{w.clip_id}" for w in WINDOWS]})
    return Branching(world, WorldDrives(found), frames or FramesConfig(), history=3, steps=8)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.square(one.astype(float) - other).mean())


def test_the_future_that_happened_is_what_decoding_gives_but_for_the_loss_of_encoding(tmp_path):
    for window in WINDOWS:
        drive = simulate(WORLD, clip_seed(WORLD, *clip_of(window.clip_id[4:-4])))
        write_video(tmp_path / "a.mov", render(drive, WORLD), WORLD.fps)
        decoded = decode_clip(tmp_path / "a.mov", FramesConfig()).frames
        begin = window.start + 4
        assert decibels(branching().pictures(drive, window), decoded[begin : begin + 8]) > 34
        assert decibels(branching().pictures(drive, window), decoded[begin - 1 : begin + 7]) < 30


def test_futures_begin_alike_and_part_and_are_the_same_when_asked_for_again(tmp_path):
    rollouts = ideal_futures(WINDOWS, branching(), 6)
    assert rollouts.frames.shape == (2, 6, 8, 32, 64, 3)
    assert np.isnan(rollouts.drift).all()
    apart = [np.std(rollouts.frames[:, :, step].astype(float), axis=1).mean() for step in (0, 7)]
    assert apart[0] < 2
    assert apart[1] > 2 * apart[0]
    np.testing.assert_array_equal(ideal_futures(WINDOWS[1:], branching(), 3).frames[0], rollouts.frames[1, :3])
    write_rollouts(tmp_path / "r.zarr", tmp_path / "r.json", rollouts)
    np.testing.assert_array_equal(read_rollouts(tmp_path / "r.zarr", tmp_path / "r.json").frames, rollouts.frames)


def test_source_frames_are_those_that_decoding_picks(tmp_path):
    for rate, fps in ((5.0, 30), (4.0, 30), (10.0, 25)):
        world = WorldConfig(seconds=4.0, fps=fps)
        # Every source frame has a grey of its own.
        grey = np.broadcast_to((2 * np.arange(round(4 * fps)) % 250)[:, None, None, None], (round(4 * fps), 32, 64, 3))
        write_video(tmp_path / "a.mov", np.ascontiguousarray(grey, dtype=np.uint8), fps, crf=0)
        decoded = decode_clip(tmp_path / "a.mov", FramesConfig(rate_hz=rate)).frames.mean(axis=(1, 2, 3))
        picked = branching(FramesConfig(rate_hz=rate), world).source_frames(Window("a", 0))
        np.testing.assert_allclose(decoded[3:12], grey[picked, 0, 0, 0], atol=1.5)


def test_a_clip_that_is_no_drive_is_an_error():
    with pytest.raises(LamoError, match="drive 'holiday': expected a name of the synthetic world's, such as val-00003"):
        clip_of("holiday")
    with pytest.raises(LamoError, match="clip other"):
        branching().futures(Window("other", 0), 1)
