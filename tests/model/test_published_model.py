"""The world model in results/weights/roads: small, loaded by default, and better than standing still."""

import numpy as np
import pytest
from PIL import Image

import lamo
from lamo.cli import main
from lamo.model.bundle import PUBLISHED
from lamo.world.forks import ForksConfig
from lamo.world.render import render
from lamo.world.simulation import WorldConfig, clip_seed, simulate
from lamo.world.write import write_video

MOST_BYTES = 25e6
OBSERVED, STEPS, SAMPLES = 4, 8, 4


@pytest.fixture(scope="module")
def drives() -> np.ndarray:
    """Drives of a world seed that no training saw, uint8 [B, F, 64, 128, 3] at five frames per second."""
    config = WorldConfig(seed=7, forks=ForksConfig(junctions=0.4))
    drives = [simulate(config, clip_seed(config, "val", index)) for index in range(6)]
    every = config.fps // 5
    return np.stack([render(drive, config, slice(0, (OBSERVED + STEPS) * every, every)) for drive in drives])


def test_it_is_small_and_its_card_names_its_sources():
    assert sum(path.stat().st_size for path in PUBLISHED.rglob("*") if path.is_file()) < MOST_BYTES
    card = (PUBLISHED / "README.md").read_text(encoding="utf-8")
    for words in ("forks, train", "torcs, train", "## Limits"):
        assert words in card


def test_its_futures_are_nearer_to_what_comes_than_the_last_frame(drives):
    """A wrong file, a wrong order of colours or statistics of another run would all show."""
    model = lamo.load(device="cpu")
    small = drives.reshape(*drives.shape[:2], 32, 2, 64, 2, 3).mean(axis=(3, 5)).round().astype(np.uint8)
    assert model.frames_needed == OBSERVED
    futures = model.rollout(small[:, :OBSERVED], seconds=STEPS / 5, samples=SAMPLES).frames
    truth = small[:, OBSERVED:].astype(float)
    mean = futures.mean(axis=1)
    still = small[:, OBSERVED - 1 : OBSERVED].astype(float)
    errors, of_still = (np.square(each - truth).mean(axis=(0, 2, 3, 4)) for each in (mean, still))
    assert (errors[[0, 2]] < 0.6 * of_still[[0, 2]]).all()
    assert errors[-1] < 0.8 * of_still[-1]
    spread = futures.std(axis=1).mean(axis=(0, 2, 3, 4))
    assert spread[0] < spread[2] < spread[-1]


def test_it_predicts_a_video_by_one_short_command(drives, tmp_path):
    write_video(tmp_path / "drive.mp4", drives[0].repeat(2, axis=1).repeat(2, axis=2), fps=5)
    command = ["predict", str(tmp_path / "drive.mp4"), "-o", str(tmp_path / "futures.webp"), "--device", "cpu"]
    assert main([*command, "--seconds", "0.4", "--samples", "2"]) == 0
    with Image.open(tmp_path / "futures.webp") as shown:
        assert shown.n_frames >= 3
