"""Training of the flow head on its own smaller steps, and sampling with what it is told."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from made_predictors import sampler

from lamo.nn.share import Share, sharing
from lamo.predictors.backbone import Features
from lamo.predictors.config import BackboneConfig
from lamo.predictors.flow.config import FlowConfig
from lamo.predictors.flow.head import FlowHead
from lamo.predictors.flow.kind import KIND
from lamo.predictors.flow.shortcut import STEP_SIZES, draw_sizes, on_grid, shortcut_rows, step_size_of_sampler
from lamo.training.device import mixed_precision

CPU = torch.device("cpu")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_head(share: float, heads: int = 0) -> FlowHead:
    """A head whose weights are all off their initial values; by little, since attention magnifies rounding."""
    torch.manual_seed(1)
    head = FlowHead(6, 8, 16, 2, heads, share)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return head


def batch(rows: int = 8) -> tuple[Features, torch.Tensor]:
    torch.manual_seed(2)
    return Features(torch.randn(rows, 2, 3, 8)), torch.randn(rows, 2, 3, 6)


def loss_by_hand(head: FlowHead, features: Features, x1: torch.Tensor, chosen: list[int]) -> torch.Tensor:
    """Row by row, with the numbers that a generator of seed 0 gives, from the equations alone."""
    noise, rows = seeded(), len(x1)
    x0 = torch.randn(x1.shape, generator=noise)
    taus, numbers = (torch.rand(rows, generator=noise).tolist() for _ in range(2))
    sizes = {0: 0.0, 1: 0.125, 2: 0.25, 3: 0.5, 4: 1.0}

    def s(row: int, x: torch.Tensor, tau: float, number: int) -> torch.Tensor:
        told = torch.tensor([number])
        return head.velocity(x[None], torch.tensor([tau]), features.tokens[row : row + 1], told)[0]

    losses = []
    for row in range(rows):
        number, tau = 0, taus[row]
        if row in chosen:
            number = 1 + int(4 * numbers[row])
            tau = sizes[number] * int(tau / sizes[number])
        x = (1 - tau) * x0[row] + tau * x1[row]
        if number:
            d = sizes[number] / 2
            first = s(row, x, tau, number - 1)
            target = (first + s(row, x + d * first, tau + d, number - 1)) / 2
        else:
            target = x1[row] - x0[row]
        losses.append((s(row, x, tau, number) - target.detach()).square().mean())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("heads", [0, 2])
def test_loss_and_gradients_are_those_of_the_equations(heads):
    head, (features, target) = make_head(0.5, heads), batch()
    chosen = [1, 3, 5, 7]
    found, expected = head.loss(features, target, seeded()), loss_by_hand(head, features, target, chosen)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    parameters = list(head.parameters())
    for one, other in zip(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    # The comparison can fail: other rows, another loss.
    assert not torch.isclose(found, loss_by_hand(head, features, target, [0, 2, 4, 6]), rtol=1e-3)


def test_gradients_survive_mixed_precision():
    """Weights that take part with and without gradient learn what they learn in full precision."""
    head, (features, target) = make_head(0.5), batch(64)
    parameters = list(head.parameters())
    exact = torch.autograd.grad(head.loss(features, target, seeded()), parameters)
    with mixed_precision(CPU):
        loss = head.loss(features, target, seeded())
    for one, other in zip(torch.autograd.grad(loss, parameters), exact, strict=True):
        assert float((one - other).norm() / other.norm()) < 0.1


def test_switched_off_there_is_neither_a_parameter_nor_a_random_number_of_it():
    head, (features, target) = make_head(0.0), batch()
    assert not [name for name, _ in head.named_parameters() if "step" in name]
    noise, other = seeded(), seeded()
    x0, tau = torch.randn(target.shape, generator=other), torch.rand(len(target), generator=other)
    spread = tau.view(-1, 1, 1, 1)
    velocity = head.velocity((1 - spread) * x0 + spread * target, tau, features.tokens)
    assert torch.equal(head.loss(features, target, noise), F.mse_loss(velocity, target - x0))
    assert torch.equal(noise.get_state(), other.get_state())


def test_the_loss_of_validation_is_that_of_flow_matching():
    head, (features, target) = make_head(0.5), batch()
    plain = make_head(0.0)
    plain.load_state_dict({name: weight for name, weight in head.state_dict().items() if name != "step_size"})
    expected = plain.loss(features, target, seeded())
    assert torch.equal(head.eval().loss(features, target, seeded()), expected)
    assert not torch.equal(head.train().loss(features, target, seeded()), expected)


@pytest.mark.parametrize(("share", "batch", "count"), [(0.25, 32, 8), (0.25, 30, 7), (0.5, 9, 4), (0.1, 10, 1)])
def test_a_share_of_the_batch_is_chosen_evenly_and_part_by_part(share, batch, count):
    whole = shortcut_rows(batch, share)
    assert len(whole) == count
    gaps = [b - a for a, b in pairwise(whole)]
    assert not gaps or max(gaps) - min(gaps) <= 1
    parts = []
    for begin, end in ((0, 3), (3, 7), (7, batch)):
        with sharing(Share.of(begin, end, batch, 1)):
            parts += [begin + row for row in shortcut_rows(end - begin, share)]
    assert parts == whole


def test_sizes_are_told_to_the_chosen_alone_and_all_equally_often():
    chosen = list(range(1, 8000, 2))
    told = draw_sizes(8000, chosen, seeded(), torch.zeros(1))
    assert not told[::2].any()
    counts = told[1::2].bincount(minlength=5)
    assert counts[0] == 0
    # 1000 each; five standard deviations of sqrt(4000 3 / 16).
    assert (counts[1:] - 1000).abs().max() < 137


def test_steps_begin_on_the_grid_of_their_size_and_end_by_one():
    told, tau = torch.arange(5).repeat(1000), torch.rand(5000, generator=seeded())
    moved = on_grid(tau, told)
    assert torch.equal(moved[told == 0], tau[told == 0])
    for number, size in enumerate(STEP_SIZES[1:], start=1):
        begins = moved[told == number]
        assert sorted(set(begins.tolist())) == [size * k for k in range(round(1 / size))]
    assert ((tau - moved) < torch.tensor(STEP_SIZES)[told].clamp_min(1e-9)).all()


@pytest.mark.parametrize(
    ("label", "size"),
    [("flow-1", 1.0), ("flow-2", 0.5), ("flow-4", 0.25), ("flow-8", 0.125), ("flow-16", 0), ("flow-5", 0),
     ("flow-3", 0), ("flow-20", 0), ("flow-2-heun", 0), ("flow-4-heun", 0)],
)  # fmt: skip
def test_a_sample_tells_the_head_the_size_of_its_euler_steps(label, size, monkeypatch):
    used = sampler(label)
    assert STEP_SIZES[step_size_of_sampler(used.steps, used.solver)] == size
    head, (features, _) = make_head(0.25), batch(3)
    velocity, heard = head.velocity, []

    def listening(x, tau, tokens, told=None):
        heard.append(0 if told is None else {STEP_SIZES[number] for number in told.tolist()})
        return velocity(x, tau, tokens, told)

    monkeypatch.setattr(head, "velocity", listening)
    sample = head.sample(features, used, seeded())
    assert heard == [{size} if size else 0] * used.evaluations
    # What it is told matters, and a head of another training is told nothing.
    plain = make_head(0.0)
    plain.load_state_dict({name: weight for name, weight in head.state_dict().items() if name != "step_size"})
    assert torch.equal(plain.sample(features, used, seeded()), sample) == (not size)


def test_a_share_of_less_than_a_window_or_of_all_is_refused():
    settings = FlowConfig.model_validate({"shortcut_share": 0.1, "training": {"batch": 8}})
    (problem,) = KIND.check(settings, 3, BackboneConfig())
    assert problem.startswith("shortcut_share: found 0.1 of a training.batch of 8, which is not one window; ")
    assert problem.endswith("at least 0.125")
    with pytest.raises(ValueError, match="less than 1"):
        FlowConfig(shortcut_share=1.0)
    assert FlowConfig(shortcut_share=0.25).shortcut_share == 0.25


def test_few_steps_come_closer_to_two_peaks_than_those_of_a_plain_head():
    """Targets are c - 1 or c + 1, by chance, with a deviation of 0.2; the context is c = -2 or 2. Compared is the
    mean distance of sorted samples (Wasserstein) from true ones."""
    rows, steps, noise = 256, 300, seeded()

    def truth(context: torch.Tensor) -> torch.Tensor:
        shape = (len(context), 1, 1)
        peak, spread = torch.randn(shape, generator=noise).sign(), torch.randn(shape, generator=noise)
        return context[..., :1] + peak + 0.2 * spread

    def trained(share: float) -> FlowHead:
        torch.manual_seed(0)
        head = FlowHead(1, 2, 32, 2, shortcut_share=share)
        optimizer = torch.optim.AdamW(head.parameters())
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = 5e-3 * (1 - step / steps)
            context = 2 * torch.randn(rows, 1, 1, generator=noise).sign().expand(-1, -1, 2)
            optimizer.zero_grad()
            head.loss(Features(context), truth(context), noise).backward()
            optimizer.step()
        return head.eval().requires_grad_(False)

    def distance(head: FlowHead, label: str) -> float:
        total = 0.0
        for centre in (-2.0, 2.0):
            context = torch.full((4096, 1, 2), centre)
            sample = head.sample(Features(context), sampler(label), noise)
            total += float((sample.flatten().sort()[0] - truth(context).flatten().sort()[0]).abs().mean()) / 2
        return total

    plain, shortcut = trained(0.0), trained(0.25)
    for label, at_most in (("flow-1", 0.6), ("flow-2", 0.6), ("flow-4", 0.95)):
        assert distance(shortcut, label) < at_most * distance(plain, label), label
    # The velocity itself is still learned.
    assert distance(shortcut, "flow-20") < 0.2
