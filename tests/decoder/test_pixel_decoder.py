"""The pixel decoder: where its patches go, its files, and its training on true latents."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from lamo.decoder.config import DecoderConfig, DecoderShape
from lamo.decoder.pixel_decoder import PixelDecoder
from lamo.decoder.training import DecoderData, train_decoder
from lamo.errors import LamoError
from lamo.stores.atomic import read_json, write_json
from lamo.stores.windows import ShardArray
from lamo.training.seed import seed_everything
from lamo.training.session import Session

CPU = torch.device("cpu")
GRID, PATCH, STATE = (2, 3), 4, 5
SIZE = {"depth": 1, "width": 16, "heads": 2}
TRAINING = {
    "steps": 2, "batch": 6, "learning_rate": 1e-2, "final_learning_rate": 2e-4, "warmup_steps": 0, "weight_decay": 0.0,
    "mixed_precision": False, "validate_every": 1,
}  # fmt: skip


def config(training: dict[str, Any] | None = None, **size) -> DecoderConfig:
    return DecoderConfig.model_validate({**SIZE, **size, "training": TRAINING | (training or {})})


def changed(**size) -> PixelDecoder:
    """A decoder none of whose weights is as at the start."""
    torch.manual_seed(0)
    model = PixelDecoder(config(**size), STATE, GRID, PATCH)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def decoder() -> PixelDecoder:
    return changed()


@pytest.fixture
def patches_alone() -> PixelDecoder:
    """The paper's decoder."""
    return changed(convolutions=0)


def test_patches_are_put_in_their_places_channel_by_channel(patches_alone):
    # With a zero weight every token emits the bias: one known patch, everywhere.
    known = torch.arange(48.0).view(3, PATCH, PATCH)
    torch.nn.init.zeros_(patches_alone.to_pixels.weight)
    patches_alone.to_pixels.bias.data = known.flatten()
    image = patches_alone(torch.randn(1, 6, STATE))[0]
    torch.testing.assert_close(image, known.repeat(1, *GRID) + 0.5)


def test_tokens_are_laid_out_row_by_row(patches_alone):
    class Label(torch.nn.Module):
        """Emits the number of the token in every pixel of its patch."""

        def forward(self, tokens):
            return torch.arange(6.0).view(1, 6, 1).expand(len(tokens), -1, 48)

    patches_alone.to_pixels = Label()
    image = patches_alone(torch.randn(2, 6, STATE)) - 0.5
    expected = torch.arange(6.0).view(GRID).repeat_interleave(PATCH, 0).repeat_interleave(PATCH, 1)
    torch.testing.assert_close(image, expected.expand(2, 3, -1, -1))


def test_folding_undoes_the_cutting_into_patches(patches_alone):
    images = torch.rand(2, 3, 8, 12)

    class Known(torch.nn.Module):
        def forward(self, tokens):
            return F.unfold(images - 0.5, PATCH, stride=PATCH).transpose(1, 2)

    patches_alone.to_pixels = Known()
    torch.testing.assert_close(patches_alone(torch.randn(2, 6, STATE)), images)


def test_each_frame_is_decoded_alone_and_places_are_told_apart(decoder):
    state = torch.randn(7, 6, STATE)
    images = torch.cat([decoder(part) for part in state.split(3)])
    assert images.shape == (7, 3, 8, 12)
    torch.testing.assert_close(images[4:5], decoder(state[4:5]))
    same = decoder(torch.ones(1, 6, STATE))
    patches = F.unfold(same, PATCH, stride=PATCH)[0].t()
    assert (torch.cdist(patches, patches) + torch.eye(6)).min() > 1e-3


def test_a_saved_decoder_computes_the_same_and_is_frozen(decoder, tmp_path):
    decoder.requires_grad_(False).save(tmp_path)
    loaded = PixelDecoder.load(tmp_path)
    assert (loaded.shape, loaded.grid, loaded.patch) == (DecoderShape(**SIZE), GRID, PATCH)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    state = torch.randn(2, 6, STATE)
    assert torch.equal(loaded(state), decoder(state))


def test_a_decoder_of_an_earlier_version_is_still_read(patches_alone, tmp_path):
    """They had no convolutions; the earliest saved the settings of the training beside the sizes."""
    patches_alone.save(tmp_path)
    saved = read_json(tmp_path / "config.json")
    del saved["decoder"]["convolutions"]
    saved["decoder"] |= {"steps": 350, "batch": 48, "learning_rate": 0.002, "weight_decay": 0.01, "warmup": 0.05}
    write_json(tmp_path / "config.json", saved)
    state = torch.randn(2, 6, STATE)
    assert torch.equal(PixelDecoder.load(tmp_path)(state), patches_alone(state))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"decoder": {"depth": 1, "heads": 2}}, "KeyError: 'width'"),
        ({"decoder": {**SIZE, "depth": 0}}, "depth .* greater than or equal to 1"),
        ({"decoder": None}, "TypeError"),
        ({"grid": 6}, "TypeError"),
    ],
    ids=["a size missing", "no depth", "nothing", "no grid"],
)
def test_settings_of_no_decoder_are_refused_in_one_line(decoder, tmp_path, changes, found):
    decoder.save(tmp_path)
    write_json(tmp_path / "config.json", read_json(tmp_path / "config.json") | changes)
    with pytest.raises(LamoError, match=rf"config\.json: not the settings .*{found}.*; run stage 04 again") as caught:
        PixelDecoder.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_decoder_are_refused(decoder, tmp_path):
    decoder.save(tmp_path / "one")
    PixelDecoder(config(depth=2), STATE, GRID, PATCH).save(tmp_path / "two")
    (tmp_path / "two" / "model.safetensors").replace(tmp_path / "one" / "model.safetensors")
    with pytest.raises(LamoError, match=r"one/model\.safetensors: does not fit"):
        PixelDecoder.load(tmp_path / "one")


def data(lengths=(4, 2), seed=0) -> DecoderData:
    """Frames of random colours per patch, and states that tell these colours (and their products)."""
    rng = np.random.default_rng(seed)
    count = sum(lengths)
    colours = rng.uniform(0.2, 0.8, (count, *GRID, 3))
    frames = (255 * colours.repeat(PATCH, 1).repeat(PATCH, 2)).round().astype(np.uint8)
    state = (colours.reshape(count, 6, 3) - 0.5) * 4
    state = np.concatenate([state, state[..., :2] * state[..., 1:]], axis=-1).astype(np.float16)
    offsets = np.cumsum([0, *lengths])
    return DecoderData([ShardArray(frames, offsets)], [ShardArray(state, offsets)])


def test_a_few_frames_are_learned(tmp_path):
    torch.manual_seed(0)
    train = data()
    settings = config({"steps": 151, "warmup_steps": 7, "validate_every": 30}, width=32)
    decoder, log = train_decoder(settings, train, train, GRID, 0, Session())
    assert not decoder.training
    assert decoder.grid == GRID
    log.write(tmp_path / "log.parquet")
    table = pd.read_parquet(tmp_path / "log.parquet")
    losses, psnr = table["loss"].dropna(), table["held_out_psnr"].dropna()
    assert losses.iloc[-1] < 0.05 * losses.iloc[0]
    assert psnr.iloc[-1] > 28
    frames, state = train.frames[0].array, torch.tensor(train.states[0].array).float()
    error = (decoder(state) - torch.tensor(frames).permute(0, 3, 1, 2) / 255).square().mean()
    assert -10 * error.log10().item() == pytest.approx(psnr.iloc[-1], abs=0.1)


def test_training_follows_its_seed():
    deterministic = torch.are_deterministic_algorithms_enabled()
    weights = []
    for seed in (0, 0, 1):
        seed_everything(seed)
        weights.append(
            train_decoder(config({"mixed_precision": True}), data(), data(), GRID, seed, Session())[0].embed.weight
        )
    torch.use_deterministic_algorithms(deterministic)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_frames_and_latents_of_different_clips_are_refused():
    one, two = data((4, 2)), data((3, 3))
    with pytest.raises(LamoError, match="frames and latents are of different clips"):
        DecoderData(one.frames, two.states)
    with pytest.raises(LamoError, match="frames and latents are of different clips"):
        DecoderData(one.frames, data((4, 2, 1)).states)
    assert DecoderData(one.frames, data((4, 2), 5).states).states


def test_a_training_begins_with_a_trained_decoder(tmp_path):
    changed().save(tmp_path)
    hardly = {"start": str(tmp_path), "learning_rate": 1e-9, "final_learning_rate": 1e-9}
    trained, _ = train_decoder(config(hardly), data(), data(), GRID, 0, Session())
    for name, weight in trained.state_dict().items():
        torch.testing.assert_close(weight, changed().state_dict()[name], atol=1e-6, rtol=0.0)


def test_a_decoder_of_other_sizes_is_no_start(tmp_path):
    changed(width=8).save(tmp_path)
    message = r"decoder\.training\.start: the decoder in .* has decoder\.width 8 for 16; set these keys"
    with pytest.raises(LamoError, match=message):
        train_decoder(config({"start": str(tmp_path)}), data(), data(), GRID, 0, Session())
