"""The DINO loss, its crops, heads and centre."""

import math

import pytest
import torch

from lamo.midway.config import DinoConfig
from lamo.midway.dino import DinoHead, DinoTask, dino_loss, random_crops

CPU = torch.device("cpu")


@pytest.fixture
def task(make_midway, make_config):
    model = make_midway("compact")
    return DinoTask(model.student, model.teacher, make_config("compact").training.dino, CPU)


def softmax(logits):
    exponent = [math.exp(x - max(logits)) for x in logits]
    return [e / sum(exponent) for e in exponent]


def test_loss_is_the_cross_entropy_over_all_pairs_of_different_crops():
    config = DinoConfig(prototypes=4, student_temperature=0.5, teacher_temperature=0.2)
    student = [torch.randn(3, 4) for _ in range(5)]
    teacher = [torch.randn(3, 4) for _ in range(2)]
    centre, total, pairs = torch.randn(1, 4), 0.0, 0
    for i in range(2):
        for j in range(5):
            if i == j:
                continue
            for row in range(3):
                wanted = softmax(
                    [(x - c) / 0.2 for x, c in zip(teacher[i][row].tolist(), centre[0].tolist(), strict=True)]
                )
                given = softmax([x / 0.5 for x in student[j][row].tolist()])
                total -= sum(p * math.log(q) for p, q in zip(wanted, given, strict=True))
                pairs += 1
    assert pairs == 3 * 8
    assert float(dino_loss(student, teacher, centre, config)) == pytest.approx(total / pairs, rel=1e-5)


def test_a_crop_is_never_matched_with_itself():
    config = DinoConfig(prototypes=4)
    one = torch.tensor([[9.0, 0.0, 0.0, 0.0]])
    other = torch.tensor([[0.0, 0.0, 0.0, 9.0]])
    swapped = dino_loss([other, one], [one, other], torch.zeros(1, 4), config)
    assert float(swapped) < 1e-3  # each agrees with the other one's teacher
    assert float(dino_loss([one, other], [one, other], torch.zeros(1, 4), config)) > 10.0


def test_gradient_reaches_the_student_only():
    student = [torch.randn(2, 4, requires_grad=True) for _ in range(3)]
    teacher = [torch.randn(2, 4, requires_grad=True) for _ in range(2)]
    dino_loss(student, teacher, torch.zeros(1, 4), DinoConfig(prototypes=4)).backward()
    assert all(logits.grad.any() for logits in student)
    assert all(logits.grad is None for logits in teacher)


@pytest.mark.parametrize("unit", [False, True])
def test_head_gives_cosines_with_prototypes_times_their_lengths(unit):
    head = DinoHead(16, DinoConfig(prototypes=5, hidden=8, bottleneck=3, unit_prototypes=unit))
    assert ("lengths" in dict(head.named_parameters())) != unit
    features, lengths = torch.randn(7, 16), torch.ones(5, 1)
    if not unit:
        lengths = torch.tensor([[0.5], [1.0], [2.0], [3.0], [4.0]])
        head.lengths.data = lengths
    code, prototypes = head.mlp(features), head.prototypes.weight
    cosine = (code @ prototypes.t()) / code.norm(dim=1, keepdim=True) / prototypes.norm(dim=1)
    torch.testing.assert_close(head(features), cosine * lengths.t())


def test_task_trains_students_and_never_teachers(task, clips):
    loss = task.loss(clips(2, 4)[0].array[None, :2])
    assert loss.isfinite()
    loss.backward()
    assert all(p.grad is not None for p in task.student_head.parameters())
    assert task.student.patch_embed.weight.grad.any()
    assert all(p.grad is None for p in (*task.teacher.parameters(), *task.teacher_head.parameters()))
    assert not any(p.requires_grad for p in task.teacher_head.parameters())


def test_centre_is_the_running_mean_of_the_teachers_logits(task, clips):
    outputs = []
    task.teacher_head.register_forward_hook(lambda _, inputs, output: outputs.append(output))
    task.centre.fill_(0.5)
    task.loss(clips(2, 4)[0].array[:3, None])
    assert [len(output) for output in outputs] == [3, 3]  # global crops only
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


def test_local_crops_are_smaller_and_go_to_the_student_only(task, clips):
    sizes = {"student": [], "teacher": []}
    for role, seen in sizes.items():
        getattr(task, role).register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0].shape[2:]))
    task.loss(clips(2, 4)[0].array[:3, None])
    assert sizes["teacher"] == [(16, 24)] * 2
    assert sizes["student"] == [(16, 24)] * 2 + [(4, 8)]


def ramp(count: int) -> torch.Tensor:
    """Channels hold the column and the row of a pixel, in 0..1 over the image, and a constant."""
    rows, columns = torch.meshgrid((torch.arange(40) + 0.5) / 40, (torch.arange(60) + 0.5) / 60, indexing="ij")
    return torch.stack([columns, rows, torch.ones(40, 60)]).expand(count, -1, -1, -1)


@pytest.mark.parametrize("scale", [(0.4, 0.9), (0.05, 0.4)])
def test_crops_are_boxes_inside_the_image_with_the_area_asked_for(scale):
    crops = random_crops(ramp(200), scale, (20, 30))
    assert crops.shape == (200, 3, 20, 30)
    torch.testing.assert_close(crops[:, 2], torch.ones(200, 20, 30))
    # The ramps stay ramps; a box spans 30 / 29 of the distance between its outer pixels' centres.
    across = (crops[:, 0, :, -1] - crops[:, 0, :, 0]).mean(1) * 30 / 29
    down = (crops[:, 1, -1] - crops[:, 1, 0]).mean(1) * 20 / 19
    torch.testing.assert_close(across.abs(), down, rtol=0.05, atol=0.01)
    area = across.abs() * down
    assert scale[0] * 0.9 < float(area.min()) < 1.2 * scale[0] + 0.02
    assert 0.9 * scale[1] < float(area.max()) < scale[1] * 1.1
    centre = crops.mean((2, 3))[:, :2]
    assert float((centre[:, 0] - across.abs() / 2).min()) > -0.01
    assert float((centre[:, 0] + across.abs() / 2).max()) < 1.01
    assert float(centre.std(0).min()) > 0.03
    mirrored = (across < 0).float().mean()
    assert 0.3 < float(mirrored) < 0.7


def test_the_whole_image_is_a_crop_of_scale_one():
    crops = random_crops(ramp(20), (1.0, 1.0), (40, 60))
    image = ramp(1)[0]
    for crop in crops:
        upright = crop if crop[0, 0, -1] > crop[0, 0, 0] else crop.flip(-1)
        torch.testing.assert_close(upright, image, rtol=0, atol=1e-5)
