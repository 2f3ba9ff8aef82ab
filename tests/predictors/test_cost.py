"""Sizes and operations of predictors, against sums by hand over their weights."""

import pytest
from made_predictors import changed, predictors, sampler
from torch import nn

from lamo.predictors.build import build_predictor
from lamo.predictors.config import BackboneConfig
from lamo.predictors.cost import backbone_flops, make, sampling_flops, size_of, training_flops
from lamo.predictors.entries import PredictorsConfig
from lamo.predictors.flow.head import AdaLnAttention
from lamo.predictors.interface import Geometry
from lamo.predictors.kinds import PredictorConfig

NAMES = ("flow", "gmm", "state")
# Tokens that the queries of each predictor are read from, of the fixture's geometry: K = 3, L M = 6, P = 6.
QUERIES = {"flow": 6, "gmm": 7, "state": 6}
TOKENS = {"flow": 3 * 6 + 6 + 6, "gmm": 3 * 6 + 6 + 6 + 1, "state": 4 * 6 + 6}
PAYLOAD = {"flow": 2 * 3 * 4, "gmm": 2 * 3 * 4, "state": 6 * 5}


def weights(module: nn.Module) -> int:
    """Entries of the matrices of all linear layers: each costs a multiplication and an addition per token."""
    return sum(part.weight.numel() for part in module.modules() if isinstance(part, nn.Linear))


def backbone_by_hand(name: str, width: int = 32, depth: int = 2, mlp: int = 4) -> int:
    """Two operations per weight and token, two products of attention per pair of tokens; the last layer for queries."""
    tokens, queries = TOKENS[name], QUERIES[name]
    layer = 2 * (4 + 2 * mlp) * width**2 * tokens + 4 * tokens**2 * width
    last = 2 * (2 * width**2 * tokens + (2 + 2 * mlp) * width**2 * queries) + 4 * queries * tokens * width
    embedded = 2 * width * (4 * 6 * 5 if name == "state" else 3 * 6 * 4 + 6 * 5)
    return (depth - 1) * layer + last + embedded


def head_by_hand(head: nn.Module, name: str) -> int:
    """Operations of one evaluation of the head for all positions of a window."""
    if name == "gmm":
        return 2 * (6 * weights(head.parameters_of_position) + weights(head.weights))
    # Coupled tokens are compared with each other and mixed, all six of them.
    attended = sum(4 * 6**2 * head.width for part in head.modules() if isinstance(part, AdaLnAttention))
    return 2 * (6 * (weights(head) - weights(head.tau_in)) + weights(head.tau_in)) + attended


def with_head(config: PredictorsConfig, **changes: object) -> PredictorConfig:
    """The flow predictor with some of its settings replaced."""
    return changed(config, "flow", **changes)


@pytest.mark.parametrize("name", NAMES)
def test_size_counts_parameters_tokens_and_payload(name, config, geometry):
    size, predictor = size_of(config.of(name), geometry), build_predictor(config.of(name), geometry)
    assert (size.context_tokens, size.payload) == (TOKENS[name], PAYLOAD[name])
    assert size.parameters == sum(p.numel() for p in predictor.parameters())
    assert size.backbone == sum(p.numel() for p in predictor.backbone.parameters())
    assert size.head == sum(p.numel() for p in predictor.head.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_backbone_is_counted_as_by_hand(name, config, geometry):
    assert backbone_flops(config.of(name), geometry) == backbone_by_hand(name)


@pytest.mark.parametrize(
    ("name", "label", "evaluations"),
    [
        ("flow", "flow-1", 1), ("flow", "flow-7", 7), ("flow", "flow-4-heun", 8),
        ("gmm", "gmm", 1), ("gmm", "gmm-mean", 1), ("state", "state-5", 5),
    ],
)  # fmt: skip
def test_a_sample_takes_the_backbone_once_and_the_head_as_often_as_it_says(name, label, evaluations, config, geometry):
    used, settings = sampler(label), config.of(name)
    assert used.evaluations == evaluations
    head = head_by_hand(make(settings, geometry).head, name)
    assert sampling_flops(settings, geometry, used) == backbone_by_hand(name) + evaluations * head


@pytest.mark.parametrize("label", ["flow-4", "gmm-sample", "gmm-linear", "state-5"])
def test_less_detail_costs_two_products_with_the_directions(label, config, geometry):
    settings = changed(config, label.partition("-")[0], guess="whitened")
    values = 6 * 5 if label.startswith("state") else 2 * 3 * 4
    plain, less = (sampling_flops(settings, geometry, sampler(name)) for name in (label, f"{label}-detail40"))
    # Which of them are common is a product, too.
    assert plain + 4 * values**2 <= less <= plain + 4 * values**2 + 8 * values


@pytest.mark.parametrize("name", NAMES)
def test_a_training_window_takes_three_times_its_forward_pass_less_what_needs_no_gradient(name, config, geometry):
    settings = config.of(name)
    forward = backbone_by_hand(name) + head_by_hand(make(settings, geometry).head, name)
    # Data need no gradient: the products that embed the context, and tau and x_tau in a flow head, end there.
    head = make(settings, geometry).head
    saved = 2 * 32 * (4 * 6 * 5 if name == "state" else 3 * 6 * 4 + 6 * 5)
    if name != "gmm":
        saved += 2 * (6 * head.x_in.weight.numel() + head.tau_in[0].weight.numel())
    assert training_flops(settings, geometry) == 3 * forward - saved


def test_a_coupled_head_is_counted_with_its_attention(config, geometry):
    plain, coupled = config.of("flow"), with_head(config, coupling="attention")
    head = make(coupled, geometry).head
    # Queries, keys, values and their output, and shift, scale and gate, with biases, before each of three blocks.
    added = 3 * (7 * 32**2 + 7 * 32)
    assert size_of(coupled, geometry).head == size_of(plain, geometry).head + added
    assert size_of(coupled, geometry).backbone == size_of(plain, geometry).backbone
    once = head_by_hand(head, "flow")
    assert once - head_by_hand(make(plain, geometry).head, "flow") == 3 * (2 * 6 * 7 * 32**2 + 4 * 6**2 * 32)
    assert sampling_flops(coupled, geometry, sampler("flow-5")) == backbone_by_hand("flow") + 5 * once
    # As for the plain head: the first products take no gradient with respect to data.
    saved = 3 * (backbone_by_hand("flow") + head_by_hand(make(plain, geometry).head, "flow"))
    saved -= training_flops(plain, geometry)
    assert training_flops(coupled, geometry) == 3 * (backbone_by_hand("flow") + once) - saved


def test_a_batch_of_plain_training_takes_as_many_operations_as_its_windows(config, geometry):
    assert training_flops(config.of("flow"), geometry, 8) == 8 * training_flops(config.of("flow"), geometry)


def test_paper_size_is_matched_in_the_backbone():
    backbone = BackboneConfig(depth=12, width=1152, heads=8)
    geometry = Geometry(history=3, levels=3, tokens=10, motion_width=192, grid=(14, 14), state_width=384)
    sizes = [size_of(predictors({}, backbone=backbone).of(name), geometry) for name in NAMES]
    # Twelve layers of twelve squares of the width, and what embeds the tokens.
    assert all(0 < size.backbone / (12 * 12 * 1152**2) - 1 < 0.01 for size in sizes)
