"""The feature network of the synthetic world, trained for seconds: it learns, orders corruptions, and can be saved."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lamo.errors import LamoError
from lamo.metrics.config import WorldFeaturesConfig, WorldFeaturesTraining
from lamo.metrics.features.examples import Examples, render_examples
from lamo.metrics.features.world import WorldFeatures, train_world_features
from lamo.metrics.frechet import frechet_distance
from lamo.training.session import Session
from lamo.world.simulation import WorldConfig

SMALL = WorldFeaturesConfig(
    frames=480, held_out_frames=96, frames_per_drive=8, width=8,
    training=WorldFeaturesTraining(steps=100, batch=32),
)  # fmt: skip


@pytest.fixture(scope="module")
def examples() -> tuple[Examples, Examples]:
    return tuple(render_examples(WorldConfig(), SMALL, part, 32, 64) for part in ("train", "held_out"))


@pytest.fixture(scope="module")
def features(examples) -> WorldFeatures:
    return train_world_features(*examples, SMALL, Session())[0]


def test_examples_are_frames_with_visible_state(examples):
    train, held_out = examples
    assert train.frames.shape == (480, 32, 64, 3)
    assert train.targets.shape == (480, len(train.names))
    assert train.names == held_out.names
    assert {"curvature", "light", "lateral_offset", "lead_nearness", "car_left"} <= set(train.names)
    covered = train.targets[:, [train.names.index(f"car_{third}") for third in ("left", "middle", "right")]]
    assert (covered >= 0).all()
    assert covered.max() > 0.2


def test_parts_are_of_different_drives(examples):
    train, held_out = (one.frames.reshape(len(one.frames), -1).astype(np.int16) for one in examples)
    assert all(np.abs(train - frame).mean(axis=1).min() > 1 for frame in held_out[::8])


def test_learns_what_is_easy_to_see(features):
    r2 = dict(zip(features.names, features.r2, strict=True))
    assert r2["light"] > 0.5
    assert r2["lateral_offset"] > 0.2


def test_features_have_unit_variance_and_order_corruptions(features, examples):
    frames = examples[1].frames
    clean = features(frames)
    assert clean.shape == (96, 64)
    assert clean.var(axis=0, ddof=1).mean() == pytest.approx(1.0, rel=1e-3)
    generator = np.random.default_rng(0)
    blurs = [gaussian_filter(frames, (0, s, s, 0)) for s in (0.5, 1.5, 4.0)]
    noises = [(frames + generator.normal(0, s, frames.shape)).clip(0, 255).astype(np.uint8) for s in (8, 24, 64)]
    for family in (blurs, noises):
        distances = [frechet_distance(clean, features(one)) for one in family]
        assert distances == sorted(distances)
        assert distances[0] > 0


def test_is_seeded(examples, features):
    again = train_world_features(*examples, SMALL, Session())[0]
    np.testing.assert_array_equal(again(examples[1].frames), features(examples[1].frames))


def test_saved_and_loaded_gives_the_same_features(features, examples, tmp_path):
    features.save(tmp_path)
    loaded = WorldFeatures.load(tmp_path)
    frames = examples[1].frames[:10]
    np.testing.assert_array_equal(loaded(frames), features(frames))
    assert loaded.r2 == features.r2
    assert "It is not FID" in loaded.description
    assert loaded.metric == "fd_world"


def test_other_sizes_are_resized(features, examples):
    frames = examples[1].frames[:6]
    large = frames.repeat(2, axis=1).repeat(2, axis=2)
    assert np.abs(features(large) - features(frames)).mean() < 0.3 * np.abs(features(frames)).mean()


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(LamoError, match="not found"):
        WorldFeatures.load(tmp_path)
