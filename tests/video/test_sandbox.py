"""Decoding in a child process: the same frames, and whatever happens to the child happens to one video only."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made_videos import encode

from lamo.errors import LamoError
from lamo.video.config import FramesConfig
from lamo.video.decode import decode_clip
from lamo.video.decoded import Part
from lamo.video.sandbox import Sandbox

CONFIG = FramesConfig(min_frames=3)
HERE = Path(__file__).parent


@pytest.fixture
def good(tmp_path) -> Path:
    return encode(tmp_path / "good.mp4", np.arange(40) / 30)


@pytest.fixture
def misbehaving(monkeypatch):
    """A sandbox whose child does what the names of the videos say."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    config = FramesConfig(video_time_limit_s=2, video_memory_limit_mb=1000, min_frames=3)
    with Sandbox(config, module="misbehaving") as sandbox:
        yield sandbox


def _same(one, other) -> bool:
    np.testing.assert_array_equal(one.frames, other.frames)
    np.testing.assert_array_equal(one.times, other.times)
    return (one.source, one.status, one.reason) == (other.source, other.status, other.reason)


def test_it_decodes_as_without_it(good, tmp_path):
    wanted = [(good, Part()), (tmp_path / "absent.mp4", Part()), (good, Part(0.3, 1.0, 0.2)), (str(good), Part())]
    with Sandbox(CONFIG) as sandbox:
        for (path, part), decoded in zip(wanted, sandbox.decode_all(wanted), strict=True):
            assert _same(decoded, decode_clip(path, CONFIG, part))
        child = sandbox.pid
        assert _same(sandbox.decode(good), decode_clip(good, CONFIG))
        assert sandbox.pid == child
    assert not _alive(child)


OUTCOMES = {
    "crash": "the decoder crashed (SIGSEGV)",
    "nameless": f"the decoder crashed (signal {signal.SIGRTMIN + 1})",
    "hang": "the decoder took longer than 2 s (frames.video_time_limit_s)",
    "memory": "the decoder needs more than 1000 MB (frames.video_memory_limit_mb)",
    "exit": "the decoder ended by itself (exit status 3)",
    "garbage": "the decoder gave no valid answer",
    "half": "the decoder took longer than 2 s (frames.video_time_limit_s)",
    "strange": "the decoder gave no valid answer",
}


def test_a_decoder_that_fails_costs_one_video(misbehaving, good, monkeypatch):
    monkeypatch.setattr("lamo.video.sandbox.GRACE_S", 0.3)
    names = [name for bad in OUTCOMES for name in (bad, "good")]
    wanted = [(good.with_name(f"{name}.mp4"), Part()) for name in names]
    for name, decoded in zip(names, misbehaving.decode_all(wanted), strict=True):
        if name == "good":
            assert (decoded.status, len(decoded.frames)) == ("ok", 7), decoded.reason
        else:
            assert (decoded.status, decoded.reason) == ("quarantined", OUTCOMES[name])
            assert decoded.frames.shape == (0, 32, 64, 3)


def test_what_a_decoder_prints_is_no_answer_and_fills_no_pipe(misbehaving, good):
    assert misbehaving.decode(good.with_name("noise.mp4")).status == "ok"


def test_a_fault_of_our_own_is_not_blamed_on_the_video(misbehaving, good):
    with pytest.raises(RuntimeError, match=r"(?s)misbehaving\.py.*AssertionError: a fault of our own"):
        misbehaving.decode(good.with_name("fault.mp4"))


def test_a_child_killed_from_outside_is_not_blamed_on_the_video(misbehaving, good):
    once = good.with_name("killed_once.mp4")
    once.write_bytes(good.read_bytes())
    assert misbehaving.decode(once).status == "ok"
    with pytest.raises(LamoError, match=r"killed_again\.mp4.*killed from outside.*SIGKILL, SIGKILL.*memory"):
        misbehaving.decode(good.with_name("killed_again.mp4"))


def test_a_child_that_does_not_start_says_why(monkeypatch, good):
    with (
        Sandbox(CONFIG, module="nonsense") as sandbox,
        pytest.raises(RuntimeError, match="No module named nonsense"),
    ):
        sandbox.decode(good)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_child_ends_with_its_parent_and_needs_no_main_guard(tmp_path, monkeypatch):
    """Also in the middle of a video, and from a script that would do everything again if it were imported."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
    (tmp_path / "imported.txt").touch()
    script = tmp_path / "script.py"
    script.write_text(
        "from lamo.video.sandbox import Sandbox\nfrom lamo.video.config import FramesConfig\n"
        f"open({str(tmp_path / 'imported.txt')!r}, 'a').write('once ')\n"
        "sandbox = Sandbox(FramesConfig(min_frames=3), module='misbehaving')\n"
        f"sandbox._ask({str(tmp_path / 'hang.mp4')!r}, __import__('lamo.video.decoded').video.decoded.Part())\n"
        "print(sandbox.pid, flush=True)\nsandbox._answer()\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, cwd=tmp_path)
    child = int(parent.stdout.readline())
    assert _alive(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(child)
    assert (tmp_path / "imported.txt").read_text() == "once "
    parent.stdout.close()


def test_the_child_stays_small(tmp_path):
    """720p: no library beyond the decoder, and frames are let go once they are converted."""
    clip = encode(tmp_path / "a.mp4", np.arange(60) / 15, size=(720, 1280), options={"preset": "ultrafast"})
    with Sandbox(FramesConfig(height=224, width=224, rate_hz=15, min_frames=3)) as sandbox:
        assert len(sandbox.decode(clip).frames) == 60
        peak = Path(f"/proc/{sandbox.pid}/status").read_text().partition("VmHWM:")[2].split()[0]
        loaded = Path(f"/proc/{sandbox.pid}/maps").read_text()
    assert int(peak) < 170_000
    assert "libavcodec" in loaded
    assert not any(name in loaded for name in ("libtorch", "pandas", "libarrow", "numcodecs"))
