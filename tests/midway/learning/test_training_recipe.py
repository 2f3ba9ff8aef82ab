"""The published training recipe, piece by piece and all together."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from midway.learning.steps import Dynamics

from lamo.errors import LamoError
from lamo.images import normalise, to_unit
from lamo.midway.config import MidwayConfig
from lamo.midway.learning.sampling import FrameWindows
from lamo.midway.learning.training import train_midway
from lamo.midway.network import Midway
from lamo.nn.transformer import Block
from lamo.stores.windows import ShardArray
from lamo.training.checkpoint import Checkpoints
from lamo.training.session import Session
from lamo.training.state_files import read_state

CPU = torch.device("cpu")
IMAGE = (16, 24)
CONFIG = Path(__file__).resolve().parents[3] / "config" / "bdd100k.yaml"


@pytest.fixture
def make_run(make_config, clips):
    def make(form="published", training=None, session=None, seed=0, **changes) -> Dynamics:
        torch.manual_seed(seed)
        config = make_config(form, training=training or {}, **changes)
        data = clips(3, 12), clips(2, 12, 50)
        return Dynamics(Midway(config, IMAGE), config.training, *data, seed, session, 5.0)

    return make


def weights(run: Dynamics) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in run.model.state_dict().items()}


# --- both directions ---


@pytest.mark.parametrize(("form", "unroll"), [("published", 2), ("compact", 1)])
def test_every_step_takes_both_directions_where_asked(make_run, form, unroll):
    losses = {}
    for name in ("forth", "back", "both"):
        settings = {"both_directions": name == "both", "unroll": [unroll]}
        run = make_run(form, settings)
        run.task.objective.readout = None  # losses of pixels are relative to the batch, and so not the mean of both
        frames = next(run.batches).frames
        run.batches = iter([FrameWindows(frames.flip(1) if name == "back" else frames)])
        losses[name] = float(run.step(0)["loss"])
    assert losses["forth"] != pytest.approx(losses["back"], rel=1e-3)
    assert losses["both"] == pytest.approx((losses["forth"] + losses["back"]) / 2, rel=1e-4)


# --- crops and light ---


def test_both_frames_of_a_pair_have_the_same_box_and_light(make_run):
    run = make_run(training={"augmentation": {"scale": [0.2, 0.4], "light": True}})
    still = np.random.default_rng(0).integers(0, 256, (4, 1, *IMAGE, 3), dtype=np.uint8).repeat(2, axis=1)
    images, _ = run.task.inputs(still)
    assert images.shape == (4, 2, 3, *IMAGE)
    torch.testing.assert_close(images[:, 1], images[:, 0], rtol=0, atol=1e-5)
    assert not torch.allclose(images, normalise(to_unit(still)), atol=0.1)


def test_frames_are_untouched_without_augmentation(make_run):
    run = make_run("compact")
    frames = next(run.batches).frames
    images, crops = run.task.inputs(frames)
    assert torch.equal(images, normalise(to_unit(frames)))
    assert crops == []


def test_augmentation_draws_nothing_that_the_network_draws(make_run):
    run = make_run(training={"augmentation": {"scale": [0.2, 0.4]}})
    before = torch.get_rng_state()
    run.task.inputs(next(run.batches).frames)
    assert torch.equal(torch.get_rng_state(), before)


# --- schedules ---


def test_weight_decay_runs_from_its_start_to_its_end(make_run, table):
    run = make_run(training={"weight_decay": 0.04, "final_weight_decay": 0.4, "steps": 21, "warmup_steps": 10})
    last = 0.4 - 0.18 * (1.0 - np.cos(np.pi / 21))
    log = table(run.run())
    assert log["weight_decay"].dropna().tolist() == pytest.approx([0.04, last], abs=1e-6)
    run.task.before_step(20, run.optimisation.optimizer)
    decayed, kept = run.optimisation.optimizer.param_groups
    assert decayed["weight_decay"] == pytest.approx(last)
    assert kept["weight_decay"] == 0.0


def test_prototypes_are_frozen_for_the_first_share_of_the_training(make_run, monkeypatch):
    monkeypatch.setattr("lamo.midway.learning.dynamics.FROZEN_SHARE", 0.5)
    run = make_run(training={"steps": 4})
    prototypes = run.task.dino.student_head.prototypes.weight
    start = prototypes.clone()
    for index in range(4):
        run.step(index)
        assert torch.equal(prototypes, start) == (index < 2)


def test_stochastic_depth_is_active_in_the_student_in_training_and_nowhere_else(make_run):
    run = make_run(encoder={"drop_path": 0.5})
    dropping = {name for name, part in run.model.named_modules() if isinstance(part, Block) and part.drop_path}
    assert {name.split(".")[0] for name in dropping} == {"student", "teacher"}
    run.model.train()
    assert {name for name in dropping if run.model.get_submodule(name).training} == {
        name for name in dropping if name.startswith("student.")
    }
    images, _ = run.task.inputs(next(run.batches).frames)
    assert not torch.equal(run.task.encode(images, "student")[-1], run.task.encode(images, "student")[-1])
    z = run.task.encode(images, "teacher")
    assert torch.equal(z[-1], run.task.encode(images, "teacher")[-1])
    pair = [tuple(level[:, t] for level in z) for t in (0, 1)]
    assert torch.equal(run.model.infer(*pair).predictions[0], run.model.infer(*pair).predictions[0])
    run.model.eval()
    assert torch.equal(run.task.encode(images, "student")[-1], run.task.encode(images, "student")[-1])


# --- the log and runs that break down ---


def test_every_term_and_sign_of_health_is_logged(make_run, table):
    log = table(make_run(training={"both_directions": True}).run())
    row = log[log["loss"].notna()].iloc[-1]
    for name in ("loss_level0", "loss_level1", "loss_level2", "dino", "gate_mean", "feature_spread", "gradient_norm",
                 "learning_rate", "weight_decay", "momentum", "data_wait_share", "samples_per_s"):  # fmt: skip
        assert np.isfinite(row[name]), name
    assert row["loss_total"] == pytest.approx(row["loss"] + row["dino"], rel=1e-5)
    assert 0.0 <= row["data_wait_share"] <= 1.0
    assert 0.05 < row["feature_spread"] <= 1.0


def test_the_spread_logged_is_that_of_the_batch_and_none_of_too_few_samples(make_run):
    run = make_run(training={"batch": 4})
    spread = float(run.step(0)["feature_spread"])
    frames = next(run.batches).frames
    run.batches = iter([FrameWindows(frames[[0, 0, 0, 0], :1].repeat_interleave(2, 1)), FrameWindows(frames[:3])])
    assert float(run.step(1)["feature_spread"]) < 1e-3 < spread
    assert "feature_spread" not in run.step(2)


def test_reading_ahead_changes_nothing_and_ends_with_the_run(make_run):
    ahead, behind = make_run(training={"gap_s": [0.2, 0.4]}), make_run(training={"gap_s": [0.2, 0.4]})
    ahead.run()
    behind.model.train()
    for index in range(behind.config.steps):
        behind.step(index)
    assert all(torch.equal(value, weights(behind)[name]) for name, value in weights(ahead).items())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_a_run_that_collapses_stops_and_keeps_its_last_good_state(make_run, tmp_path):
    session = Session(checkpoints=Checkpoints(tmp_path, every_s=0.0))
    run = make_run(training={"steps": 30, "validate_every": 2}, session=session)
    before_step, good = run.task.before_step, {}

    def collapsing(index, optimizer):
        if index == 3:
            good.update(weights(run))
            with torch.no_grad():  # all frames alike: nothing of the picture enters
                for encoder in (run.model.student, run.model.teacher):
                    encoder.patch_embed.weight.zero_()
        return before_step(index, optimizer)

    run.task.before_step = collapsing
    place = tmp_path / "step-000000003"
    message = rf"training step 4: feature_spread is .*tells frames apart.* last good state, of step 3, lies in {place}$"
    with pytest.raises(LamoError, match=message):
        run.run()
    kept = read_state(place)["parts"]["model"]
    assert all(torch.equal(kept[name], value) for name, value in good.items())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_a_run_that_meets_a_nan_stops_and_says_where_its_last_good_state_lies(make_run, tmp_path):
    session = Session(checkpoints=Checkpoints(tmp_path, every_s=0.0))
    run = make_run(training={"steps": 30, "validate_every": 1}, session=session)
    before_step = run.task.before_step

    def breaking(index, optimizer):
        if index == 3:
            with torch.no_grad():
                run.model.motion_proj.weight.fill_(torch.nan)
        return before_step(index, optimizer)

    run.task.before_step = breaking
    with pytest.raises(LamoError, match=r"training step 3: \w+ is nan; .*the last good state, of step 3,"):
        run.run()
    kept = read_state(tmp_path / "step-000000003")["parts"]["model"]
    assert all(value.isfinite().all() for value in kept.values())


def test_an_error_while_reading_frames_is_the_error_of_the_run(make_run):
    run = make_run()
    read, reads = run.sampler.read, []

    def failing(draw):
        reads.append(draw)
        if len(reads) == 2:
            raise LamoError("frames.zarr: damaged")
        return read(draw)

    run.sampler.read = failing
    with pytest.raises(LamoError, match=r"frames\.zarr: damaged"):
        run.run()


# --- everything together ---


def test_the_whole_published_recipe_runs_in_small(table, tmp_path):
    """`config/bdd100k.yaml` as it is, but for its size."""
    settings = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["midway"]
    settings["encoder"]["width"] = settings["inverse"]["width"] = 24
    settings["training"]["dino"] |= {"prototypes": 32, "hidden": 16, "bottleneck": 8}
    settings["training"] |= {"steps": 3, "batch": 4, "warmup_steps": 0}
    config = MidwayConfig.model_validate(settings)
    training = config.training
    assert training.both_directions
    assert training.gap_s
    assert training.augmentation.scale
    assert training.augmentation.light
    assert training.dino.initial_scale
    assert training.final_weight_decay > training.weight_decay
    frames = np.random.default_rng(0).integers(0, 256, (30, 32, 64, 3), dtype=np.uint8)
    shards = [ShardArray(frames, np.array([0, 15, 30]))]
    trained = train_midway(config, shards, shards, 0, Session(checkpoints=Checkpoints(tmp_path)), 5.0)
    log = table(trained.dynamics)
    assert log["step"].max() == 2
    assert (log["dino"].dropna() > 0).all()
    assert (log["loss_level0"].dropna() > 0).all()
    assert all(value.isfinite().all() for value in trained.model.state_dict().values())
    kept = read_state(tmp_path / "dynamics" / "step-000000003")["parts"]["model"]
    assert all(torch.equal(kept[name], value) for name, value in trained.model.state_dict().items())
