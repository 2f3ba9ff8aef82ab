"""Bytes against numbers worked out by hand and against real stores."""

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.midway.network import Midway
from lamo.stores.latents import LatentsWriter
from lamo.tools.plan.clips import plan_clips
from lamo.tools.plan.decoding import measure_decoding
from lamo.tools.plan.disk import context_windows, free_bytes, plan_memory, plan_stores
from lamo.tools.plan.geometry import sizes_of, weight_bytes
from lamo.tools.plan.moving_clip import write_clip
from lamo.video.decode import decode_clip


def stores_of(config, ratio=None):
    clips = plan_clips(config, None, None, 64)
    return {(store.stage, store.name): store for store in plan_stores(sizes_of(config), clips, ratio, 1000.0)}


def bytes_below(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_sizes_by_hand(config_of):
    sizes = sizes_of(config_of("bdd100k.yaml"))
    assert sizes.frame_bytes == 224 * 224 * 3
    # 14 x 14 patches of 384 values, and 3 levels of 10 tokens of 192, 2 bytes each.
    assert sizes.latent_bytes == 2 * (196 * 384 + 3 * 10 * 192)
    assert (sizes.plan.length, sizes.plan.steps) == (12, 8)


def test_stores_by_hand(tiny):
    stores = stores_of(tiny, ratio=2.0)
    frame = 16 * 32 * 3
    assert stores["01_frames", "rendered videos"].bytes == 6 * 1000
    assert stores["01_frames", "frames train"].raw == 80 * frame
    assert stores["01_frames", "frames train"].bytes == 40 * frame
    # 20 frames give windows of 12 at 0 and 5, of two clips; predictors: flow-2, flow-4, gmm and state-2, two samples.
    assert stores["06_rollouts", "rollouts of predictors"].raw == 4 * 8 * 4 * 2 * frame
    # Seven controls and the truth of 8 steps, and 4 observed frames.
    assert stores["06_rollouts", "controls and truth"].raw == 4 * (8 * 8 + 4) * frame


def test_without_frames_to_measure_on_nothing_is_compressed(tiny):
    store = stores_of(tiny)["01_frames", "frames val"]
    assert (store.ratio, store.basis) == (1.0, "assumed")


def test_latents_are_as_large_as_said(sizes, tiny, tmp_path):
    shape, frames = sizes.geometry, 20
    draw = np.random.default_rng(0)
    with LatentsWriter(tmp_path / "0.zarr", tmp_path / "0.manifest.json", shape.grid, (0,)) as writer:
        for clip in range(4):
            state = draw.normal(size=(frames, shape.patches, shape.state_width))
            motion = draw.normal(size=(frames, shape.levels, shape.tokens, shape.motion_width))
            writer.add_clip(str(clip), state, motion)
    rows = sum(bytes_below(tmp_path / "0.zarr" / name / "c") for name in ("state", "motion"))
    assert stores_of(tiny)["03_latents", "latents train"].bytes == pytest.approx(rows, rel=0.001)
    # What describes them does not grow with them.
    assert bytes_below(tmp_path / "0.zarr") - rows < 4000


def test_frames_are_as_large_as_said(config_of, make_video, tmp_path):
    videos = [(str(make_video(tmp_path / f"{i}.mp4", 10)), 10.0) for i in range(4)]
    config = config_of(None).frames
    half = measure_decoding(videos[:2], config, tmp_path / "half")
    whole = measure_decoding(videos, config, tmp_path / "whole")
    raw = sum(decode_clip(path, config).frames.nbytes for path, _ in videos)
    assert (whole.clips, whole.seconds) == (4, 40.0)
    assert raw / half.ratio == pytest.approx(bytes_below(tmp_path / "whole" / "frames.zarr"), rel=0.05)


def test_weights_are_as_large_as_said(sizes, tmp_path):
    Midway(sizes.midway, sizes.image).save(tmp_path)
    assert weight_bytes(sizes.make_midway) == pytest.approx((tmp_path / "model.safetensors").stat().st_size, rel=0.2)
    kept = sum(values.numel() for values in sizes.make_predictor("gmm").state_dict().values())
    assert weight_bytes(lambda: sizes.make_predictor("gmm")) == 4 * kept


def test_memory_of_rollouts_by_hand(sizes, tiny):
    clips = plan_clips(tiny, None, None, 64)
    assert context_windows(sizes, clips) == 4
    one = 4 * 8 * 16 * 32 * 3
    needs = {need.rule: need.bytes for need in plan_memory(sizes, clips)}
    assert needs == {"rollouts_predict": 4 * one, "rollouts_controls": 2 * one, "metrics_score": 3 * one}


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path):
    place, free = free_bytes(tmp_path / "results" / "run")
    assert place == tmp_path
    assert free > 0


def test_made_clip_is_720p_at_30_frames_and_4_mbit(tiny, tmp_path):
    path, seconds = write_clip(tmp_path / "made.mp4", 8.0), 8.0
    source = decode_clip(path, tiny.frames).source
    assert (source.width, source.height, source.source_fps, source.codec) == (1280, 720, 30.0, "h264")
    assert (tmp_path / "made.mp4").stat().st_size * 8 / seconds == pytest.approx(4e6, rel=0.3)


def test_an_imported_network_brings_its_own_sizes(sizes, config_of, tmp_path):
    Midway(sizes.midway, sizes.image).save(tmp_path)
    midway = {"checkpoint": str(tmp_path)}
    imported = sizes_of(config_of(None, midway=midway, frames={"height": 16, "width": 32}))
    assert imported.geometry == sizes.geometry
    with pytest.raises(LamoError, match=r"frames: found 32 x 64, but the model in .* needs 16 x 32"):
        sizes_of(config_of(None, midway=midway))
