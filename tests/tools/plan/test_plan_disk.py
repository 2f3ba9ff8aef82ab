"""Bytes against numbers worked out by hand and against real stores."""

import numpy as np
import pytest

from lamo.errors import LamoError
from lamo.midway.network import Midway
from lamo.stores.latents import LatentsWriter
from lamo.tools.plan.clips import Clips, SampledClip, Split, plan_clips
from lamo.tools.plan.disk import free_bytes, plan_memory, plan_stores
from lamo.tools.plan.geometry import sizes_of, weight_bytes
from lamo.tools.plan.rates import Rates, measure_rates
from lamo.tools.plan.work import Workload
from lamo.video.decode import decode_clip


def stores_of(config, clips=None):
    rates = Rates(start=1.0, of={}, ratio=2.0, video_bytes=1000.0, decoded=2)
    workload = Workload(sizes_of(config), clips or plan_clips(config, None, None, 64))
    return {(store.stage, store.name): store for store in plan_stores(workload, rates)}


def bytes_below(path):
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_sizes_by_hand(config_of):
    sizes = sizes_of(config_of("bdd100k.yaml"))
    assert sizes.frame_bytes == 224 * 224 * 3
    # 14 x 14 patches of 384 values, and 3 levels of 10 tokens of 192, 2 bytes each.
    assert sizes.latent_bytes == 2 * (196 * 384 + 3 * 10 * 192)
    assert (sizes.plan.length, sizes.plan.steps) == (12, 8)


def test_shared_stages_take_no_room(config_of):
    share = {"run": "base", "stages": ["frames", "midway", "latents"]}
    stages = {stage for stage, _ in stores_of(config_of("tiny.yaml", share=share))}
    assert stages == {"04_decoder", "05_predictors", "06_rollouts", "model"}


def test_stores_by_hand(tiny):
    stores = stores_of(tiny)
    frame = 16 * 32 * 3
    assert stores["01_frames", "rendered videos"].bytes == 6 * 1000
    assert stores["01_frames", "frames train"].raw == 80 * frame
    assert stores["01_frames", "frames train"].bytes == 40 * frame
    # 20 frames give windows of 12 at 0 and 5, of two clips; predictors: flow-2, flow-4, gmm and state-2, two samples.
    # And 8 windows of the 18 that there are, with one future each.
    assert stores["06_rollouts", "rollouts of predictors"].raw == 8 * 4 * (4 * 2 + 8) * frame
    # Seven controls and the truth of 8 steps, and 4 observed frames; of ideal futures two, and one of the 8 windows.
    assert stores["06_rollouts", "controls and truth"].raw == (8 * (8 * (4 + 8) + 4 * 2 + 8) + 4 * 4) * frame


def test_without_frames_to_measure_on_nothing_is_compressed(tiny):
    store = stores_of(tiny, plan_clips(tiny, {"train": 1, "val": 2}, 8.0, 64))["01_frames", "frames val"]
    assert (store.ratio, store.basis) == (1.0, "assumed")


def test_latents_are_as_large_as_said(sizes, tiny, tmp_path):
    shape, frames = sizes.geometry, 20
    draw = np.random.default_rng(0)
    paths = tmp_path / "0.zarr", tmp_path / "0.manifest.json"
    with LatentsWriter(*paths, shape.grid, tiny.latents.levels) as writer:
        for clip in range(4):
            state = draw.normal(size=(frames, shape.patches, shape.state_width))
            motion = draw.normal(size=(frames, shape.levels, shape.tokens, shape.motion_width))
            writer.add_clip(str(clip), state, motion)
    rows = sum(bytes_below(tmp_path / "0.zarr" / name / "c") for name in ("state", "motion"))
    assert stores_of(tiny)["03_latents", "latents train"].bytes == pytest.approx(rows, rel=0.001)
    # What describes them does not grow with them.
    assert bytes_below(tmp_path / "0.zarr") - rows < 4000


def test_weights_are_as_large_as_said(sizes, tmp_path):
    Midway(sizes.midway, sizes.image).save(tmp_path)
    assert weight_bytes(sizes.make_midway) == pytest.approx((tmp_path / "model.safetensors").stat().st_size, rel=0.2)
    kept = sum(values.numel() for values in sizes.make_predictor("gmm").state_dict().values())
    assert weight_bytes(lambda: sizes.make_predictor("gmm")) == 4 * kept


def test_memory_of_rollouts_by_hand(sizes, tiny):
    workload = Workload(sizes, plan_clips(tiny, None, None, 64))
    assert workload.windows == 4
    # Two samples of 4 windows, one of 8; scores have the true frames of the 4 and the oracle's too.
    one = 8 * 8 * 16 * 32 * 3
    needs = {need.rule: need.bytes for need in plan_memory(workload)}
    assert needs == {"rollouts_predict": 2 * one, "rollouts_controls": 2 * one, "metrics_score": 3 * one}


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path):
    place, free = free_bytes(tmp_path / "results" / "run")
    assert place == tmp_path
    assert free > 0


@pytest.fixture
def quick_start(monkeypatch):
    """Nothing is imported to time the start of a job."""
    monkeypatch.setattr("lamo.tools.plan.rates.START", "pass")


@pytest.mark.usefixtures("quick_start")
def test_frames_are_compressed_as_the_sample_is(config_of, make_video, tmp_path):
    paths = [str(make_video(tmp_path / f"{i}.mp4", 10)) for i in range(2)]
    clip = [SampledClip(path, 10.0, 10.0, 50, 64 * 128 * 100.0) for path in paths]
    splits = {"train": Split(1, (clip[0],)), "val": Split(1, (clip[1],))}
    config = config_of("tiny.yaml", videos={"root": str(tmp_path)})
    rates = measure_rates(sizes_of(config), Clips("videos", splits), tmp_path)
    raw = sum(decode_clip(path, config.frames).frames.nbytes for path in paths)
    assert rates.decoded == 2
    assert raw / rates.ratio == pytest.approx(bytes_below(tmp_path / "frames.zarr"), rel=0.05)
    assert all(rate > 0 for rate in rates.of.values())


@pytest.mark.usefixtures("quick_start")
def test_rates_without_videos_are_those_of_a_made_one(tiny, sizes, tmp_path):
    rates = measure_rates(sizes, plan_clips(tiny, {"train": 1, "val": 2}, 8.0, 64), tmp_path)
    source = decode_clip(tmp_path / "made.mp4", tiny.frames).source
    assert (source.width, source.height, source.source_fps, source.codec) == (1280, 720, 30.0, "h264")
    assert (tmp_path / "made.mp4").stat().st_size * 8 / 2 == pytest.approx(4e6, rel=0.3)
    assert 1e-10 < rates.of["pixels decoded"] < 1e-6


def test_an_imported_network_brings_its_own_sizes(sizes, config_of, tmp_path):
    Midway(sizes.midway, sizes.image).save(tmp_path)
    midway = {"checkpoint": str(tmp_path)}
    imported = sizes_of(config_of(None, midway=midway, frames={"height": 16, "width": 32}))
    assert imported.geometry == sizes.geometry
    with pytest.raises(LamoError, match=r"frames: found 32 x 64, but the model in .* needs {height: 16, width: 32}"):
        sizes_of(config_of(None, midway=midway))
