"""Training of the dynamics on a few small moving pictures."""

from dataclasses import replace

import pytest
import torch
from midway.learning.steps import Dynamics

from lamo.errors import LamoError
from lamo.images import to_input
from lamo.midway.learning import dynamics as dynamics_module
from lamo.midway.learning.objective import DynamicsObjective
from lamo.midway.learning.training import train_midway
from lamo.midway.losses import motion_loss
from lamo.midway.network import Midway
from lamo.training.session import Session

CPU = torch.device("cpu")
IMAGE = (16, 24)


@pytest.fixture
def train(make_config, clips):
    def run(form, training, seed=0, **changes):
        torch.manual_seed(seed)
        config = make_config(form, training=training, **changes)
        return train_midway(config, clips(4, 12), clips(2, 12, 50), seed, Session())

    return run


@pytest.fixture
def dynamics(make_config, clips):
    def make(form, training=None, **changes) -> Dynamics:
        config = make_config(form, training=training or {}, **changes)
        return Dynamics(Midway(config, IMAGE), config.training, clips(3, 12), clips(2, 12, 50))

    return make


def snapshot(module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


@pytest.mark.parametrize(
    ("form", "training"),
    [
        ("compact", {"pretraining": {"steps": 5}}),
        ("published", {"both_directions": True}),
    ],
)
def test_training_lowers_the_loss(train, table, form, training):
    steps = {"steps": 21, "learning_rate": 5e-3, "final_learning_rate": 5e-3}
    losses = table(train(form, training | steps).dynamics)["loss"].dropna()
    assert losses.iloc[-1] < 0.8 * losses.iloc[0]


def test_log_tells_whether_tokens_carry_motion(train, table):
    trained = train("compact", {"steps": 21, "validate_every": 20, "unroll": [1, 2], "pretraining": {"steps": 2}})
    log = table(trained.dynamics)
    checks = log[log["swap_gap_db_step1"].notna()]
    assert checks["step"].tolist() == [20]
    for step in (1, 3, 8):
        assert checks[f"swap_gap_db_step{step}"].abs().min() > 1e-6
        assert {f"{name}_step{step}" for name in ("oracle_psnr", "over_blur_db", "sharpness")} <= set(log.columns)
    assert (checks["minutes"] > 0).all()
    assert (log["feature_spread"].dropna() > 0).all()
    assert sorted(log["unroll"].dropna().unique()) == [1, 2]
    assert {"loss_level0", "loss_level1", "loss_level2", "gate_mean", "learning_rate"} <= set(log.columns)
    assert not trained.model.training


def test_training_is_bitwise_reproducible_by_its_seed(train):
    settings = {"pretraining": {"steps": 2}, "unroll": [1, 2], "mixed_precision": True}
    first, again, other = (snapshot(train("compact", settings, seed).model) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["motion_proj.weight"], other["motion_proj.weight"])


def test_teacher_moves_by_its_formula_after_one_step(dynamics, monkeypatch):
    monkeypatch.setattr(dynamics_module, "TEACHER_MOMENTUM", 0.75)
    run = dynamics("published")
    model = run.model
    with torch.no_grad():  # apart from the start, so that the momentum shows
        for parameter in (*model.teacher.parameters(), *model.target_laterals.parameters()):
            parameter.add_(0.1)
    before = snapshot(model)
    run.step(0)
    after = snapshot(model)
    pairs = [
        ("teacher.", "student."),
        ("target_laterals.", "source_laterals."),
        ("inverse_dynamics.target_embed.", "inverse_dynamics.source_embed."),
    ]
    moved = 0
    for name in before:
        for teacher, student in pairs:
            if name.startswith(teacher):
                source = after[name.replace(teacher, student)]
                torch.testing.assert_close(after[name], 0.75 * before[name] + 0.25 * source)
                moved += not torch.equal(source, before[name.replace(teacher, student)])
    assert moved > 20


def test_momentum_of_the_teacher_rises_to_one(dynamics):
    run = dynamics("published", {"steps": 10})
    momenta = [run.task.before_step(index, run.optimisation.optimizer)["momentum"] for index in range(11)]
    assert momenta[0] == 0.996
    assert momenta == sorted(momenta)
    assert momenta[10] == 1.0
    run.step(0)
    before = snapshot(run.model.teacher)
    run.task.momentum = 1.0
    run.task.after_step(10)
    assert all(torch.equal(before[name], value) for name, value in run.model.teacher.state_dict().items())


def test_a_pretrained_encoder_stays_as_it_is(train):
    model = train("compact", {"pretraining": {"steps": 3}}).model
    student, teacher = snapshot(model.student), snapshot(model.teacher)
    assert all(torch.equal(student[name], teacher[name]) for name in student)
    torch.manual_seed(0)
    alone = train("compact", {"pretraining": {"steps": 3}, "steps": 1, "learning_rate": 1e-9}).model
    assert all(torch.equal(student[name], value) for name, value in alone.student.state_dict().items())


def test_in_the_published_form_the_encoder_learns_with_the_dynamics(dynamics):
    run = dynamics("published")
    before = snapshot(run.model)
    run.run()
    changed = {name for name, value in run.model.state_dict().items() if not torch.equal(before[name], value)}
    for part in ("student.patch_embed.weight", "teacher.patch_embed.weight", "motion_proj.weight"):
        assert part in changed
    assert any(name.startswith("inverse_dynamics.blocks.2") for name in changed)
    assert any(name.startswith("forward_dynamics.0") for name in changed)


def test_losses_are_those_of_all_pairs_and_of_the_unrolled_steps(dynamics, form):
    run = dynamics(form, {"unroll": [2]})
    images, model = to_input(run.sampler.windows.read([0, 5])), run.model
    model.form = replace(model.form, distance="squared", change_weight=0.0)
    objective = DynamicsObjective(model, None)
    terms = objective(run.task.encode(images, "student"), run.task.encode(images, "teacher")).terms
    student, teacher = ([model.encode(images[:, t], role) for t in range(3)] for role in ("student", "teacher"))

    def loss(predictions, t):
        return torch.stack(motion_loss(predictions, teacher[t - 1], teacher[t], "squared", 0.0).levels)

    pairs = [loss(model.infer(student[t], teacher[t + 1]).predictions, t + 1) for t in range(2)]
    levels = torch.stack([terms[f"loss_level{i}"] for i in range(3)])
    torch.testing.assert_close(levels, ((pairs[0] + pairs[1]) / 2).detach())
    # The unrolled step goes on from the prediction, with the motion that was inferred from true states.
    z = student[0]
    for t in range(2):
        z = model.step(z, model.inverse(student[t], teacher[t + 1]))
    unrolled = loss(z[:3], 2) if model.source_laterals else loss(z[:3], 2)[:1]
    torch.testing.assert_close(terms["loss_last_step"], unrolled.sum().detach())


def test_contrast_counts_from_its_share_of_the_steps_on(dynamics):
    """The same three steps, by a form whose contrast never counts, and by the form."""
    losses = {}
    for share in (0.5, 1.0):
        torch.manual_seed(0)
        run = dynamics("compact")
        run.model.form = replace(run.model.form, contrast_from=share)
        steps = [run.step(index) for index in range(3)]
        assert all(float(step[name]) > 0 for step in steps for name in ("pixel", "contrast"))
        losses[share] = [float(step["loss"]) for step in steps]
    assert losses[0.5][:2] == losses[1.0][:2]
    assert losses[0.5][2] > losses[1.0][2] + 0.5


def test_joint_training_with_dino(dynamics, table):
    run = dynamics("published")
    heads = snapshot(run.task.dino.student_head), snapshot(run.task.dino.teacher_head)
    log = table(run.run())
    assert (log["dino"].dropna() > 0).all()
    for head, before in zip((run.task.dino.student_head, run.task.dino.teacher_head), heads, strict=True):
        assert not torch.equal(head.prototypes.weight, before["prototypes.weight"])
    assert run.task.dino.centre.any()


def test_dino_trains_the_student_beside_the_motion_loss(dynamics):
    gradients = []
    for with_dino in (False, True):
        torch.manual_seed(0)
        run = dynamics("published", {"clip_gradient": 1e9})
        if not with_dino:
            run.task.dino = None
        run.step(0)
        gradients.append(run.model.student.patch_embed.weight.grad.clone())
    assert float((gradients[1] - gradients[0]).abs().max()) > 1e-6


def test_stochastic_depth_is_off_in_the_teacher(dynamics):
    run = dynamics("published", encoder={"drop_path": 0.5})
    run.run()
    run.model.train()
    images = to_input(run.sampler.windows.read([0, 1]))
    assert not torch.equal(run.task.encode(images, "student")[3], run.task.encode(images, "student")[3])
    assert torch.equal(run.task.encode(images, "teacher")[3], run.task.encode(images, "teacher")[3])


def test_clips_that_are_too_short_are_an_error(make_config, clips):
    with pytest.raises(LamoError, match="the longest has 4 frames, a window needs 5"):
        train_midway(make_config("compact", training={"unroll": [4]}), clips(2, 4), clips(2, 12), 0, Session())
    with pytest.raises(LamoError, match="the longest has 6 frames, a window needs 9"):
        train_midway(make_config("compact"), clips(2, 12), clips(2, 6), 0, Session())
