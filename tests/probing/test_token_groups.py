"""Swapping groups of motion tokens on a tiny network with known structure; the measure on made changes."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from lamo.decoder.config import DecoderConfig
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.errors import LamoError
from lamo.metrics.config import BootstrapConfig
from lamo.midway.config import MidwayConfig
from lamo.midway.network import Midway
from lamo.predictors.statistics import Statistics
from lamo.probing.token_groups import (
    Change,
    Group,
    Swaps,
    concentration,
    swap_groups,
    swap_windows,
    token_regions,
)
from lamo.report.token_groups_figure import COLUMNS, measure_all, token_groups_csv, token_groups_figure
from lamo.rollout.frozen_models import FrozenModels
from lamo.rollout.windows import ClipFrames
from lamo.statistics.intervals import ClipBootstrap
from lamo.stores.frames import FramesStore, FramesWriter
from lamo.stores.rollouts import Window

IMAGE, WIDTH = (16, 24), 16
BOOTSTRAP = BootstrapConfig(resamples=100)


def make_world(form: str = "compact", levels: int = 3, tokens: int = 4) -> FrozenModels:
    torch.manual_seed(0)
    config = MidwayConfig.model_validate(
        {
            "encoder": {"patch": 4, "width": WIDTH, "depth": 4, "heads": 2, "levels": [0, 1, 2, 3][-levels - 1 :]},
            "form": form,
            "inverse": {"tokens": tokens, "width": 8, "depth": 1, "heads": 2},
            "forward": {"depth": 1, "heads": 2, "lateral_heads": 2},
        }
    )
    model = Midway(config, IMAGE)
    decoder = PixelDecoder(DecoderConfig(depth=1, width=16, heads=2), WIDTH, model.grid, 4)
    with torch.no_grad():
        for parameter in [*model.parameters(), *decoder.parameters()]:
            parameter.add_(0.1 * torch.randn_like(parameter))
    motion, state = torch.zeros(levels, tokens, 8), torch.zeros(WIDTH)
    statistics = Statistics(motion, motion + 1, state, state + 1)
    return FrozenModels(model.eval(), statistics, (0,), torch.device("cpu"), decoder.eval())


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> ClipFrames:
    folder, generator = tmp_path_factory.mktemp("frames"), np.random.default_rng(0)
    with FramesWriter(folder / "0.zarr", folder / "0.manifest.json", *IMAGE) as writer:
        for clip in "abc":
            writer.add_clip(clip, generator.integers(0, 256, (5, *IMAGE, 3), dtype=np.uint8), np.arange(5) / 5)
    return ClipFrames([FramesStore(folder / "0.zarr", folder / "0.manifest.json")])


@pytest.fixture(scope="module")
def windows(clips) -> list[Window]:
    return swap_windows(clips, 6)


@pytest.fixture(scope="module")
def swaps(clips, windows) -> Swaps:
    return swap_groups(make_world(), clips, windows)


def values(swaps: Swaps, name: str, measure: str = "pixels") -> np.ndarray:
    return next(c.values for c in swaps.changes if (c.group.name, c.measure) == (name, measure))


def test_windows_are_spread_over_the_clips(clips):
    assert swap_windows(clips, 6) == [Window(clip, start) for clip in "abc" for start in (1, 3)]
    assert [window.clip_id for window in swap_windows(clips, 2)] == ["a", "c"]


def test_groups_swap_what_they_name():
    own, other = torch.zeros(2, 3, 4, 5), torch.ones(2, 3, 4, 5)
    token, level = Group("token", 1).swap(own, other), Group("level", 2).swap(own, other)
    assert token[:, :, 1].eq(1).all()
    assert token.sum() == 2 * 3 * 5
    assert level[:, 2].eq(1).all()
    assert level.sum() == 2 * 4 * 5
    assert Group("all").swap(own, other).eq(1).all()
    assert own.sum() == 0


def test_every_group_is_measured_in_every_window(swaps):
    names = [(change.group.name, change.measure) for change in swaps.changes]
    assert names == [
        *((f"token_{m}", "pixels") for m in range(4)),
        *((f"level_{i}", "pixels") for i in range(3)),
        ("all", "pixels"),
        *((f"level_{i}", "features") for i in range(3)),
    ]
    assert all(change.values.shape == (6, 24) for change in swaps.changes)
    assert all((values(swaps, f"token_{m}") > 0).any() for m in range(4))
    np.testing.assert_allclose(swaps.frame, swaps.frame.clip(0, 1))
    assert swaps.frame.shape == (*IMAGE, 3)


def test_levels_that_are_not_decoded_change_only_their_own_features(swaps):
    """Without laterals the finest level, which is decoded, reads its own motion tokens alone."""
    for level in (1, 2):
        assert (values(swaps, f"level_{level}") == 0).all()
        assert (values(swaps, f"level_{level}", "features") > 0).all()
    np.testing.assert_array_equal(values(swaps, "level_0"), values(swaps, "all"))


def test_the_published_form_has_laterals_and_no_regions(clips, windows):
    swaps = swap_groups(make_world("published"), clips, windows)
    assert swaps.owner is None
    found = {change.group.name: one for change, one in measure_all(swaps, BOOTSTRAP) if change.values.any()}
    assert np.isnan(found["token_0"].region.mean)
    assert 0.25 <= found["token_0"].quarter.mean <= 1


def test_change_is_the_mean_square_of_pixels_in_each_patch(clips, windows):
    world = make_world()
    swaps = swap_groups(world, clips, windows[:2])
    frames = torch.from_numpy(clips.read(windows[:2], 0, 2)).movedim(-1, 2).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406])[:, None, None], torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    with torch.inference_mode():
        first, second = (world.dynamics.encode((frames[:, i] - mean) / std) for i in range(2))
        own = world.dynamics.inverse(first, second)
        images = []
        for motion in (own, Group("token", 2).swap(own, own.flip(0))):
            images.append(world.decoder(world.dynamics.step(first, motion)[0][:, 1:]).clamp(0, 1))
    square = (images[1] - images[0]).square().mean(dim=1).numpy()
    patches = square.reshape(2, 4, 4, 6, 4).mean(axis=(2, 4)).reshape(2, 24)
    # Two windows of one clip: each takes the tokens of the other.
    np.testing.assert_allclose(values(swaps, "token_2"), patches, rtol=1e-3, atol=1e-9)


def test_regions_are_the_patches_nearest_to_each_centre():
    model = make_world().dynamics
    assert token_regions(model).reshape(4, 6).tolist() == [[0] * 3 + [1] * 3] * 2 + [[2] * 3 + [3] * 3] * 2
    assert token_regions(make_world("published").dynamics) is None


@pytest.mark.parametrize(
    ("inside", "outside", "region", "quarter"), [(1.0, 0.0, 1.0, 1.0), (1.0, 1.0, 0.25, 0.25), (3.0, 1.0, 0.5, 0.5)]
)
def test_shares_of_a_known_change(inside, outside, region, quarter):
    owner = np.repeat(np.arange(4), 6)
    change = Change(Group("token", 1), "pixels", np.where(owner == 1, inside, outside) * np.ones((6, 1)))
    swaps = Swaps([change], (4, 6), owner, np.zeros((*IMAGE, 3)), [Window(c, 0) for c in "aabbcc"])
    found = concentration(change, swaps, ClipBootstrap(list("aabbcc"), 100, 0))
    assert (found.region.mean, found.region.low, found.region_patches) == pytest.approx((region, region, 0.25))
    assert found.quarter.mean == pytest.approx(quarter)
    assert found.rms == pytest.approx(255 * np.sqrt((inside + 3 * outside) / 4))


def test_one_level_of_many_tokens(clips, windows, tmp_path):
    swaps = swap_groups(make_world(levels=1, tokens=14), clips, windows)
    measured = measure_all(swaps, BOOTSTRAP)
    token_groups_figure(tmp_path / "groups.png", swaps, measured)
    with Image.open(tmp_path / "groups.png") as picture:
        assert picture.size[0] < 1500
    # Seven centres over six columns of patches: one has no patch nearest to it, so there is no share to give.
    patches = [found.region_patches for change, found in measured if change.group.kind == "token"]
    assert np.isnan(patches).sum() == 2
    assert np.nansum(patches) == pytest.approx(1)


def test_what_changes_nothing_has_no_place():
    change = Change(Group("level", 1), "pixels", np.zeros((4, 24)))
    swaps = Swaps([change], (4, 6), None, np.zeros((*IMAGE, 3)), [Window(c, 0) for c in "aabb"])
    found = concentration(change, swaps, ClipBootstrap(list("aabb"), 100, 0))
    assert found.rms == 0
    assert np.isnan([found.quarter.mean, found.quarter.low, found.region.mean]).all()


def test_a_model_that_is_not_finite_is_refused(clips, windows):
    world = make_world()
    with torch.no_grad():
        world.dynamics.motion_proj.bias.fill_(float("nan"))
    with pytest.raises(LamoError, match="swapping token_0 gives pixels that are not finite"):
        swap_groups(world, clips, windows)


def test_table_and_figure(swaps, tmp_path):
    measured = measure_all(swaps, BOOTSTRAP)
    rows = list(csv.DictReader(io.StringIO(token_groups_csv(swaps, measured))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["group"] for row in rows] == [change.group.name for change in swaps.changes]
    assert {(row["n_windows"], row["n_clips"]) for row in rows} == {("6", "3")}
    assert rows[0]["region_patches"] == "0.250000"
    assert rows[5]["quarter_share"] == ""
    for name in ("a.png", "b.png"):
        token_groups_figure(tmp_path / name, swaps, measured)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    picture = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))
    # Each map reaches full colour at its strongest patch.
    assert (picture == [0xD5, 0x5E, 0x00]).all(axis=-1).sum() > 100
    blank = replace(swaps, changes=[replace(change, values=0 * change.values) for change in swaps.changes])
    token_groups_figure(tmp_path / "blank.png", blank, measure_all(blank, BOOTSTRAP))
    picture = np.asarray(Image.open(tmp_path / "blank.png").convert("RGB"))
    assert not (picture == [0xD5, 0x5E, 0x00]).all(axis=-1).any()
