"""Latent states and motion tokens of whole clips, whatever the batch size."""

import numpy as np
import pytest
import torch

from lamo.errors import LamoError
from lamo.images import to_input
from lamo.midway.extraction import extract_latents
from lamo.midway.state import state_tokens
from lamo.stores.config import LatentsConfig
from lamo.stores.frames import FramesStore, FramesWriter
from lamo.stores.latents import LatentsStore, LatentsWriter

CPU = torch.device("cpu")
LENGTHS = {"a": 5, "b": 2, "c": 7}


@pytest.fixture
def frames(tmp_path, clips):
    where = tmp_path / "frames.zarr", tmp_path / "frames.manifest.json"
    with FramesWriter(*where, 16, 24) as writer:
        for seed, (clip, length) in enumerate(LENGTHS.items()):
            writer.add_clip(clip, clips(1, length, seed)[0].array, np.arange(length) / 5)
    return FramesStore(*where)


def extract(model, frames, folder, **settings) -> LatentsStore:
    where = folder / "latents.zarr", folder / "latents.manifest.json"
    config = LatentsConfig(**settings)
    with LatentsWriter(*where, model.grid, config.levels) as writer:
        extract_latents(model, frames, config, writer, CPU)
    return LatentsStore(*where)


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 64])
def test_rows_equal_those_of_single_pairs(model, frames, tmp_path, batch):
    store = extract(model, frames, tmp_path, levels=(0, 2), batch=batch, mixed_precision=False)
    assert store.clip_ids == list(LENGTHS)
    assert store.offsets.tolist() == frames.offsets.tolist()
    assert store.state.shape == (14, 24, 32)
    assert (store.grid, store.levels) == (model.grid, (0, 2))
    assert store.motion.shape == (14, 3, model.config.inverse.tokens, 8)
    for index, length in enumerate(LENGTHS.values()):
        rows = slice(store.offsets[index], store.offsets[index + 1])
        state, motion = torch.tensor(store.state[rows]), torch.tensor(store.motion[rows])
        images = to_input(frames.clip(index))
        z = [model.encode(images[t : t + 1], "teacher") for t in range(length)]
        tolerance = {"rtol": 2e-3, "atol": 2e-3}
        expected = torch.cat([state_tokens(one, (0, 2)) for one in z])
        torch.testing.assert_close(state.float(), expected, **tolerance)
        for t in range(length - 1):
            torch.testing.assert_close(motion[t].float(), model.inverse(z[t], z[t + 1])[0], **tolerance)
        assert not motion[-1].any()
        assert motion[:-1].flatten(1).any(1).all()


def test_levels_that_the_model_lacks_are_refused(make_midway, form, frames, tmp_path):
    model = make_midway(form)
    for levels in ((model.levels + 1,), (-1, 0)):
        with pytest.raises(LamoError, match=rf"latents\.levels: found .* has levels 0 to {model.levels}"):
            extract(model, frames, tmp_path, levels=levels)


def test_mixed_precision_changes_little(make_midway, form, frames, tmp_path, monkeypatch):
    # On CPUs without units for it too, which are only slower.
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    model, rows = make_midway(form), []
    for mixed in (False, True):
        (tmp_path / str(mixed)).mkdir()
        store = extract(model, frames, tmp_path / str(mixed), levels=(0,), batch=4, mixed_precision=mixed)
        rows.append((store.state[:].astype(np.float32), store.motion[:].astype(np.float32)))
    for exact, rough in zip(*rows, strict=True):
        assert 0 < np.linalg.norm(exact - rough) < 0.1 * np.linalg.norm(exact)


def test_a_shard_without_clips_stays_without(make_midway, tmp_path):
    where = tmp_path / "empty.zarr", tmp_path / "empty.manifest.json"
    with FramesWriter(*where, 16, 24):
        pass
    assert len(extract(make_midway("compact"), FramesStore(*where), tmp_path)) == 0
