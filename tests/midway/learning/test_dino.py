"""The DINO loss, its crops, heads and centre."""

import itertools
import math

import pytest
import torch

from lamo.images import MEAN, STD, normalise, to_unit
from lamo.midway.learning import dino
from lamo.midway.learning.augmentation import Light
from lamo.midway.learning.config import DinoConfig
from lamo.midway.learning.dino import DinoHead, DinoTask, dino_loss

CPU = torch.device("cpu")


@pytest.fixture
def make_task(make_midway, make_config):
    def make(**changes) -> DinoTask:
        model = make_midway("published")
        config = make_config("published", training={"dino": changes}).training.dino
        return DinoTask(model.student, model.teacher, config, CPU)

    return make


@pytest.fixture
def task(make_task):
    return make_task()


@pytest.fixture
def windows(clips):
    """Three windows of four frames, in 0..1."""
    return to_unit(clips(3, 4)[0].array).unflatten(0, (3, 4))


@pytest.fixture
def draws():
    return torch.Generator().manual_seed(3)


def softmax(logits):
    exponent = [math.exp(x - max(logits)) for x in logits]
    return [e / sum(exponent) for e in exponent]


@pytest.mark.parametrize("frames", [1, 2])
def test_loss_is_the_cross_entropy_over_all_pairs_of_different_crops(frames):
    student = [torch.randn(3, frames, 4) for _ in range(5)]
    teacher = [torch.randn(3, frames, 4) for _ in range(2)]
    centre, total, pairs = torch.randn(1, 4), 0.0, 0
    of_different_crops = ((i, j) for i in range(2) for j in range(5) if i != j)
    for (i, j), row, f, g in itertools.product(of_different_crops, range(3), range(frames), range(frames)):
        logits = zip(teacher[i][row, f].tolist(), centre[0].tolist(), strict=True)
        wanted = softmax([(x - c) / 0.04 for x, c in logits])
        given = softmax([x / 0.1 for x in student[j][row, g].tolist()])
        total -= sum(p * math.log(q) for p, q in zip(wanted, given, strict=True))
        pairs += 1
    assert pairs == 3 * 8 * frames**2
    assert float(dino_loss(student, teacher, centre)) == pytest.approx(total / pairs, rel=1e-5)


def test_a_crop_is_never_matched_with_itself_in_either_frame():
    one = torch.tensor([9.0, 0.0, 0.0, 0.0]).expand(1, 2, -1)
    other = torch.tensor([0.0, 0.0, 0.0, 9.0]).expand(1, 2, -1)
    swapped = dino_loss([other, one], [one, other], torch.zeros(1, 4))
    assert float(swapped) < 1e-3  # each agrees with the other one's teacher
    assert float(dino_loss([one, other], [one, other], torch.zeros(1, 4))) > 10.0


def test_gradient_reaches_the_student_only():
    student = [torch.randn(2, 1, 4, requires_grad=True) for _ in range(3)]
    teacher = [torch.randn(2, 1, 4, requires_grad=True) for _ in range(2)]
    dino_loss(student, teacher, torch.zeros(1, 4)).backward()
    assert all(logits.grad.any() for logits in student)
    assert all(logits.grad is None for logits in teacher)


def test_head_gives_cosines_with_prototypes_times_their_lengths():
    head = DinoHead(16, DinoConfig(prototypes=5, hidden=8, bottleneck=3))
    features, lengths = torch.randn(7, 16), torch.tensor([[0.5], [1.0], [2.0], [3.0], [4.0]])
    head.lengths.data = lengths
    code, prototypes = head.mlp(features), head.prototypes.weight
    cosine = (code @ prototypes.t()) / code.norm(dim=1, keepdim=True) / prototypes.norm(dim=1)
    torch.testing.assert_close(head(features), cosine * lengths.t())


def test_task_trains_students_and_never_teachers(task, windows, draws):
    loss = task.loss(task.crops(windows, draws))
    assert loss.isfinite()
    loss.backward()
    assert all(p.grad is not None for p in task.student_head.parameters())
    assert task.student.patch_embed.weight.grad.any()
    assert all(p.grad is None for p in (*task.teacher.parameters(), *task.teacher_head.parameters()))
    assert not any(p.requires_grad for p in task.teacher_head.parameters())


def test_loss_is_that_of_every_crop_by_itself(task, windows, draws):
    crops = task.crops(windows, draws)

    def logits(encoder, head, crop):
        return torch.stack([head(encoder(crop[:, f])[-1][:, 0]) for f in range(crop.shape[1])], dim=1)

    with torch.no_grad():
        student = [logits(task.student, task.student_head, crop) for crop in crops]
        teacher = [logits(task.teacher, task.teacher_head, crop) for crop in crops[:2]]
        expected = dino_loss(student, teacher, task.centre)
        torch.testing.assert_close(task.loss(crops), expected)


def test_centre_is_the_running_mean_of_the_teachers_logits(task, windows, draws):
    outputs = []
    task.teacher_head.register_forward_hook(lambda _, inputs, output: outputs.append(output))
    task.centre.fill_(0.5)
    task.loss(task.crops(windows, draws))
    assert [len(output) for output in outputs] == [3 * 2 * 2]  # global crops only
    torch.testing.assert_close(task.centre, 0.9 * 0.5 + 0.1 * torch.cat(outputs).mean(0, keepdim=True))
    assert not task.centre.requires_grad


def test_teacher_head_follows_the_student(task):
    before = [p.clone() for p in task.teacher_head.parameters()]
    with torch.no_grad():
        for parameter in task.student_head.parameters():
            parameter.add_(1.0)
    task.update_teacher(0.75)
    for old, new, student in zip(before, task.teacher_head.parameters(), task.student_head.parameters(), strict=True):
        torch.testing.assert_close(new, 0.75 * old + 0.25 * student.detach())


def test_local_crops_are_smaller_and_go_to_the_student_only(task, windows, draws):
    sizes = {"student": [], "teacher": []}
    for role, seen in sizes.items():
        getattr(task, role).register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(tuple(inputs[0].shape)))
    task.loss(task.crops(windows, draws))
    assert sizes["teacher"] == [(2 * 6, 3, 16, 24)]
    assert sizes["student"] == [(2 * 6, 3, 16, 24), (8 * 6, 3, 4, 8)]


def test_crops_are_of_the_first_two_frames_with_the_same_boxes(make_task, windows, draws):
    task = make_task(initial_scale=[0.3, 0.6])
    # Where the second frame is the first again, its crops are, whatever is drawn; the later ones are not looked at.
    windows[:, 1] = windows[:, 0]
    windows[:, 2:] = torch.nan
    crops = task.crops(windows, draws)
    assert [tuple(crop.shape[:3]) for crop in crops] == [(3, 2, 3)] * 10
    assert all(crop.isfinite().all() for crop in crops)
    for crop in crops:
        torch.testing.assert_close(crop[:, 1], crop[:, 0], rtol=0, atol=1e-5)
    assert not torch.allclose(crops[0], crops[1], atol=0.1)


def test_crops_show_their_share_of_the_area_of_the_initial_box(make_task, draws, monkeypatch):
    for name, value in (("GLOBAL_SCALE", (0.5, 0.5)), ("LOCAL_SCALE", (0.1, 0.1)), ("MIRROR", 0.0)):
        monkeypatch.setattr(dino, name, value)
    monkeypatch.setattr(dino, "PUBLISHED_LIGHT", Light(jitter=0.0, greyscale=0.0, blur=0.0))
    rows, columns = torch.meshgrid((torch.arange(64) + 0.5) / 64, (torch.arange(96) + 0.5) / 96, indexing="ij")
    ramps = torch.stack([columns, rows, torch.ones(64, 96)]).expand(40, 2, -1, -1, -1)
    shares = {}
    for initial in (None, [0.25, 0.25]):
        task = make_task(initial_scale=initial)
        crops = task.crops(ramps, draws)
        unit = [crop * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1) for crop in crops]
        for kind, crop in (("global", unit[0]), ("local", unit[2])):
            height, width = crop.shape[-2:]
            across = (crop[:, 0, 0, :, -1] - crop[:, 0, 0, :, 0]).mean(1) * width / (width - 1)
            down = (crop[:, 0, 1, -1] - crop[:, 0, 1, 0]).mean(1) * height / (height - 1)
            shares[kind, initial is None] = float((across * down).mean())
    assert shares["global", True] == pytest.approx(0.5, rel=0.05)
    assert shares["local", True] == pytest.approx(0.1, rel=0.05)
    assert shares["global", False] == pytest.approx(0.125, rel=0.05)
    assert shares["local", False] == pytest.approx(0.025, rel=0.05)


def test_crops_are_normalised_as_the_encoder_expects(task, draws, monkeypatch):
    monkeypatch.setattr(dino, "PUBLISHED_LIGHT", Light(jitter=0.0, greyscale=0.0, blur=0.0))
    plain = torch.full((2, 2, 3, 16, 24), 0.6)
    for crop in task.crops(plain, draws):
        torch.testing.assert_close(crop, normalise(torch.full_like(crop, 0.6)))


def test_frozen_prototypes_stay_as_they_are(task, windows, draws):
    task.freeze_prototypes(True)
    task.loss(task.crops(windows, draws)).backward()
    frozen = {name for name, p in task.student_head.named_parameters() if p.grad is None}
    assert frozen == {"prototypes.weight", "lengths"}
    task.freeze_prototypes(False)
    task.loss(task.crops(windows, draws)).backward()
    assert all(p.grad is not None for p in task.student_head.parameters())
