"""Pre-training of the encoder as an autoencoder."""

import numpy as np
import torch

from lamo.images import to_input
from lamo.midway.learning.pretraining import patches, pretrain_encoder
from lamo.midway.network import Midway
from lamo.stores.windows import Windows
from lamo.training.config import OptimisationConfig
from lamo.training.session import Session

CPU = torch.device("cpu")
IMAGE = (16, 24)


def test_patches_are_cut_row_by_row():
    image = torch.arange(2 * 3 * 16 * 24.0).view(2, 3, 16, 24)
    cut = patches(image, 4)
    assert cut.shape == (2, 24, 48)
    for patch in (0, 7, 23):
        row, column = divmod(patch, 6)
        block = image[1, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        torch.testing.assert_close(cut[1, patch], block.flatten())


def test_pretraining_lowers_the_reconstruction_error_of_every_level(make_config, clips, table):
    encoder = Midway(make_config("compact"), IMAGE).student
    config = OptimisationConfig(
        steps=41, batch=8, learning_rate=5e-3, final_learning_rate=4e-5, warmup_steps=2, mixed_precision=False
    )
    frames = Windows(clips(4, 12), 1)
    log = table(pretrain_encoder(encoder, frames, config, 0, Session()))
    assert log["loss"].iloc[-1] < 0.7 * log["loss"].iloc[0]
    assert log["reconstruction_level0"].iloc[-1] < 0.7 * log["reconstruction_level0"].iloc[0]
    # And the features do carry the pixels: an affine map fitted by least squares explains most of them.
    images = to_input(frames.read(np.arange(48))[:, 0])
    with torch.no_grad():
        levels = encoder.eval()(images)
    target = patches(images, 4).flatten(0, 1)
    for level in (levels[0], levels[3]):
        tokens = torch.nn.functional.pad(level[:, 1:].flatten(0, 1), (0, 1), value=1.0)
        residual = target - tokens @ torch.linalg.lstsq(tokens, target).solution
        assert float(residual.square().mean() / target.var()) < 0.3
