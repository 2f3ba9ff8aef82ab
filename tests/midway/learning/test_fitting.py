"""Another recurrence for a trained network, with what it lacks fitted."""

import pytest
import torch

from lamo.images import to_input
from lamo.midway.config import RecurrenceConfig
from lamo.midway.learning.fitting import fit_recurrence, fit_top, recomputation_error, with_recurrence
from lamo.training.session import Session

CPU = torch.device("cpu")


def weights(model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed_parts(before: dict[str, torch.Tensor], model) -> set[str]:
    after = model.state_dict()
    return {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def recurrence(top: str, **fit) -> RecurrenceConfig:
    return RecurrenceConfig.model_validate({"top": top, "fit": {"batch": 4, **fit}})


def test_another_recurrence_keeps_all_weights_and_says_what_is_new(make_midway, form):
    model = make_midway(form)
    for top, parts in (("held", set()), ("predicted", {"forward_dynamics.3"}), ("recomputed", {"stream_scale"})):
        copy, new = with_recurrence(model, recurrence(top))
        assert new == bool(parts)
        assert copy.config.recurrence == recurrence(top)
        assert not any(parameter.requires_grad for parameter in copy.parameters())
        own = {name for name in copy.state_dict() if name not in model.state_dict()}
        assert all(any(name.startswith(part) for part in parts) for name in own)
        assert all(torch.equal(copy.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
        back, new = with_recurrence(copy, model.config.recurrence)
        assert not new
        assert back.state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize(("unroll", "role"), [(1, "teacher"), (3, "student")])
def test_a_top_level_is_fitted_with_everything_else_frozen(make_midway, clips, form, unroll, role):
    wanted = recurrence("predicted", steps=60, learning_rate=1e-2, unroll=unroll).model_copy(update={"role": role})
    model, _ = with_recurrence(make_midway(form), wanted)
    before = weights(model)
    log = fit_top(model, clips(3, 10), 0, Session())
    parts = changed_parts(before, model)
    assert parts
    assert all(name.startswith("forward_dynamics.3.") for name in parts)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    losses = [row["loss"] for row in log._rows]
    assert losses[-1] < 0.5 * losses[0]


def test_recomputed_levels_are_near_the_true_ones_once_the_scale_is_fitted(make_midway, clips, form):
    model, _ = with_recurrence(make_midway(form), recurrence("recomputed"))
    before, images = weights(model), to_input(clips(2, 6, 20)[0].array)
    model.stream_scale.bias.data.fill_(2.0)
    wrong = recomputation_error(model, images)
    fit_recurrence(model, clips(4, 10), 0, Session())
    assert changed_parts(before, model) == {"stream_scale.weight", "stream_scale.bias"}
    fitted = recomputation_error(model, images)
    assert len(fitted) == 3
    assert max(fitted) < 0.2 * min(wrong)


def test_a_held_top_level_needs_no_fit(make_midway, clips, form):
    model, _ = with_recurrence(make_midway(form), recurrence("held"))
    before = weights(model)
    fit_recurrence(model, clips(1, 4), 0, Session())
    assert changed_parts(before, model) == set()
