"""The context transformers."""

import torch

from lamo.nn.transformer import Block
from lamo.predictors.backbone import MotionBackbone, StateBackbone, Trunk, read_out
from lamo.predictors.config import BackboneConfig
from lamo.predictors.interface import Context


def test_reading_out_only_the_queries_changes_nothing():
    tokens, block = torch.randn(2, 11, 16), Block(16, 4)
    torch.testing.assert_close(read_out(block, tokens, 3), block(tokens)[:, -3:])
    trunk = Trunk(BackboneConfig(depth=3, width=16, heads=2))
    full = tokens
    for layer in trunk.blocks:
        full = layer(full)
    torch.testing.assert_close(trunk(tokens, 4), trunk.norm(full)[:, -4:])


def test_the_same_token_means_something_else_at_another_time_level_slot_or_patch(geometry, config, context):
    """Exchanging two context tokens of equal kind changes the features: each embedding tells its axis apart."""
    motion = MotionBackbone(geometry, config.backbone, readout=True)
    state = StateBackbone(geometry, config.backbone)
    base = motion(context)
    for axis in (1, 2, 3):
        flipped = motion(Context(context.motion.flip(axis), context.states))
        assert not torch.allclose(flipped.tokens, base.tokens, atol=1e-4)
        assert not torch.allclose(flipped.readout, base.readout, atol=1e-4)
    for axis in (1, 2):
        flipped = Context(context.motion, context.states.flip(axis))
        assert not torch.allclose(state(flipped).tokens, state(context).tokens, atol=1e-4)
    assert not torch.allclose(motion(Context(context.motion, context.states.flip(2))).tokens, base.tokens, atol=1e-4)


def test_shapes_and_the_readout_of_the_mixture_only(geometry, config, context):
    features = MotionBackbone(geometry, config.backbone, readout=True)(context)
    assert features.tokens.shape == (4, 2, 3, 32)
    assert features.readout.shape == (4, 32)
    assert MotionBackbone(geometry, config.backbone, readout=False)(context).readout is None
    assert StateBackbone(geometry, config.backbone)(context).tokens.shape == (4, 6, 32)
