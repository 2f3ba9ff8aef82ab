"""The work of the jobs against a real counter on the stages' own code."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lamo.jobs.code_hash import ROOT
from lamo.midway.network import Midway
from lamo.rollout.autoregressive import roll_out
from lamo.rollout.controls import CONTROLS, roll_out_control
from lamo.rollout.frozen_models import FrozenModels
from lamo.rollout.likelihood import likelihood
from lamo.stores.windows import ShardArray
from lamo.tools.plan.clips import plan_clips
from lamo.tools.plan.geometry import sizes_of
from lamo.tools.plan.pieces import Piece, cpu_matmul
from lamo.tools.plan.rollouts import WINDOWS, _Blank, _Models, control_calls, likelihood_calls, predictor_calls
from lamo.tools.plan.work import Workload

CPU = torch.device("cpu")


def counted(work):
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def workload_of(config):
    return Workload(sizes_of(config), plan_clips(config, None, None, 64))


@pytest.fixture(scope="module")
def workload(tiny):
    return workload_of(tiny)


def shards(sizes, clips=3, frames=20):
    rows = np.random.default_rng(0).integers(0, 256, (clips * frames, *sizes.image, 3), dtype=np.uint8)
    return [ShardArray(rows, np.arange(clips + 1) * frames)]


PUBLISHED = {
    "encoder": {"levels": [0, 1, 3], "drop_path": 0.1},
    "form": "published",
    "forward": {"depth": 2},
    "training": {
        "unroll": [1], "batch": 4, "both_directions": True, "augmentation": {"scale": [0.2, 0.4], "light": True},
    },
}  # fmt: skip


@pytest.mark.parametrize("midway", [{}, PUBLISHED], ids=["compact", "published"])
def test_steps_of_trainings_are_counted_as_they_run(config_of, midway):
    joint = {"kind": "flow", "samplers": ["2"], "end_to_end": {"of": "flow", "sampler": "2", "horizon_s": 0.4}}
    entries = {"flow": {"coupling": "attention"}, "together": joint}
    workload = workload_of(config_of("tiny.yaml", midway=midway, predictors={"entries": entries}))
    jobs = [("midway_train", {}), ("decoder_train", {}), ("metrics_features", {})]
    jobs += [("predictors_train", {"predictor": entry}) for entry in ("flow", "gmm", "state")]
    jobs.append(("predictors_train_end_to_end", {"predictor": "together"}))
    for rule, wildcards in jobs:
        for piece in workload.of(rule, wildcards).models:
            step = piece.make(piece.batch)
            assert piece.operations == counted(step) > 0, piece.name


def test_the_dynamics_take_each_kind_of_step_as_often_as_the_training(workload):
    training = workload.config.midway.training
    steps = {piece.name: (piece.batch, times) for piece, times in workload.of("midway_train", {}).models.items()}
    assert sum(times for name, (_, times) in steps.items() if name.startswith("dynamics")) == training.steps
    assert steps["dynamics, 1 unrolled"][0] == training.batch
    assert steps["pre-training"] == (training.pretraining.batch, training.pretraining.steps)


def test_a_training_that_begins_with_given_weights_pretrains_nothing(config_of):
    work = workload_of(config_of("tiny.yaml", midway={"training": {"start": "elsewhere"}})).of("midway_train", {})
    assert [piece.name for piece in work.models] == [
        "dynamics, 1 unrolled",
        "dynamics, 2 unrolled",
        "dynamics, 4 unrolled",
    ]


def frozen_of(sizes):
    """Real models in a rollout's frozen ones, with the statistics of those that only count."""
    counting = _Models(sizes, sizes.plan).frozen
    midway = Midway(sizes.midway, sizes.image).eval().requires_grad_(False)
    decoder = sizes.make_decoder().eval().requires_grad_(False)
    return FrozenModels(midway, counting.statistics, counting.levels, CPU, decoder)


@pytest.mark.parametrize(("entry", "label"), [("flow", "flow-4"), ("gmm", "gmm"), ("state", "state-2")])
def test_a_rollout_is_counted_as_it_runs(sizes, entry, label, workload):
    predictor = sizes.make_predictor(entry).eval().requires_grad_(False)
    sampler = sizes.sampler(entry, label)
    models = frozen_of(sizes)
    several, single = (
        counted(lambda: roll_out(models, predictor, sampler, _Blank(sizes), WINDOWS, plan))  # noqa: B023
        for plan in (sizes.plan, replace(sizes.plan, samples=1))
    )
    work = workload.of("rollouts_predict", {"predictor": entry, "sampler": label, "seed": "0"})
    at = sizes.horizon_steps
    density = counted(lambda: likelihood(models, predictor, sampler, _Blank(sizes), WINDOWS, sizes.plan, at))
    expected = (workload.windows * (several + density) + workload.single_windows * single) / len(WINDOWS)
    assert work.operations == pytest.approx(expected)


def test_the_controls_are_counted_as_they_run(sizes, workload):
    models = frozen_of(sizes)
    sigmas = [0.0] * sizes.plan.steps
    run = sum(
        counted(lambda: roll_out_control(name, models, _Blank(sizes), WINDOWS, sizes.plan, sigmas))  # noqa: B023
        for name in CONTROLS
    )
    windows = workload.windows + workload.single_windows
    assert workload.of("rollouts_controls", {}).operations == pytest.approx(windows * run / len(WINDOWS))


def test_calls_by_hand(sizes):
    # Three observed motions and twelve frames, two samples of eight steps.
    assert predictor_calls(sizes, "flow", "flow-4", 2) == {
        "encode": 12, "inverse": 3, "sample": 16, "advance": 16, "decode": 16
    }  # fmt: skip
    # Densities of the steps 1, 3 and 8, which read the tokens 0 to 3, 2 to 5 and 7 to 10.
    assert likelihood_calls(sizes, "flow", "flow-4") == {"encode": 12, "inverse": 10, "density": 3}
    assert "advance" not in predictor_calls(sizes, "state", "state-2", 2)
    calls = control_calls(sizes)
    # Of seven controls five decode and three advance.
    assert (calls["decode"], calls["advance"]) == (5 * 8, 3 * 8)


def test_data_by_hand(workload):
    # Two clips of 4 s at the world's 10 frames per second in one shard.
    world = workload.config.world
    assert workload.of("world_render", {"split": "val"}).data == {"frames rendered": 2 * 4 * world.fps}
    decode = workload.of("frames_decode", {"split": "val", "shard": "0"}).data
    assert decode == {
        "pixels decoded": 2 * 4 * world.fps * world.height * world.width, "bytes of frames": 40 * 16 * 32 * 3
    }  # fmt: skip
    # 4 windows of 2 samples and 8 of one; 8 steps and 3 horizons.
    flow = workload.of("metrics_score", {"row": "flow-2"}).data
    assert flow == {"frames seen": 3 * (4 * 2 + 8), "frames scored": 4 * 2 * 8}
    controls = workload.of("metrics_score", {"row": "controls"}).data
    assert controls == {"frames seen": 7 * 3 * (4 + 8), "frames scored": 7 * 4 * 8}
    assert workload.of("rollouts_ideal", {}).data == {"frames rendered": (4 * 2 + 8) * 8}
    assert workload.of("metrics_score", {"row": "ideal_futures"}).data == flow
    # 4 samplers, 7 controls and ideal futures, 3 horizons, all frames and those without each of 2 clips.
    assert workload.of("metrics_summary", {}).data == {"distances": 12 * 3 * 3}


def test_lpips_and_fvd_by_hand(tiny):
    """Nothing is loaded: the amounts do not depend on what the files are."""
    metrics = tiny.metrics.model_copy(
        update={
            "lpips": tiny.metrics.lpips.model_copy(update={"weights": "alexnet.pth"}),
            "fvd": tiny.metrics.fvd.model_copy(update={"weights": "i3d.pt"}),
        }
    )
    predictors = tiny.predictors.model_copy(update={"seeds": (0, 1)})
    workload = workload_of(tiny.model_copy(update={"metrics": metrics, "predictors": predictors}))
    # Two seeds with 4 windows of 2 samples and 8 of one each; of a control 4 of one, and the 8 of both seeds.
    for row, compared, seen in (
        ("flow-2", 2 * 4 * 2, 2 * 8),
        ("controls", 7 * 4, 7 * 16),
        ("ideal_futures", 4 * 2, 16),
    ):
        data = workload.of("metrics_score", {"row": row}).data
        assert (data["frames compared"], data["clips seen"]) == (3 * compared, seen)
    assert workload.of("metrics_summary", {}).data["clips seen"] == 16


def test_swapped_tokens_by_hand(workload):
    counts = {
        piece.name: piece.batch * times for piece, times in workload.of("metrics_token_groups", {}).models.items()
    }
    # 4 windows; own tokens, and each of 3 tokens, the one level and all together swapped.
    steps = 4 * (1 + 3 + 1 + 1)
    assert counts == {"encode": 4 * 4, "inverse": 2 * 4, "advance": steps, "decode": steps}


@pytest.mark.parametrize("rule", ["of_a_stage_of_ones_own", "every_clip", "windows", "rolled"])
def test_a_rule_that_is_not_known_counts_its_jobs(workload, rule):
    assert workload.of(rule, {}).amount == (1.0, "jobs")


def test_rules_that_are_known_are_in_the_workflow(workload):
    text = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert set(workload.of_rule) <= set(re.findall(r"^ *rule (\w+):$", text, re.MULTILINE))


def test_a_linear_layer_by_hand():
    def make(batch):
        layer, inputs = nn.Linear(3, 5), torch.zeros(batch, 3)
        return lambda: layer(inputs)

    piece = Piece("linear", 4, make)
    assert piece.operations == 2 * 4 * 3 * 5
    seconds, timed = piece.seconds(1e9)
    assert timed
    assert seconds > 0


def test_what_is_too_large_is_counted_and_not_timed(config_of):
    config = config_of("bdd100k.yaml")
    workload = Workload(sizes_of(config), plan_clips(config, {"train": 2, "val": 2}, 40.0, 64))
    ((step, times),) = workload.of("predictors_train", {"predictor": "state", "seed": "0"}).models.items()
    assert (times, step.batch) == (82_000, 256)
    # Three passes of two operations for each weight of the trunk and each of the 5 x 196 tokens, and of attention.
    tokens, depth, width = 5 * 196, 12, 1152
    expected = 3 * 256 * tokens * depth * (2 * 12 * width**2 + 4 * tokens * width)
    assert step.operations == pytest.approx(expected, rel=0.05)
    assert step.seconds(1e9) == (step.operations / 0.5e9, False)


def test_matrix_products_are_timed():
    assert cpu_matmul() > 1e8
