"""A world model in Python: what it returns, what is random about it, and what it refuses."""

import shutil

import numpy as np
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from model.conftest import HEIGHT, WIDTH
from safetensors.torch import load_file, save_file

import lamo
from lamo.errors import LamoError
from lamo.model.bundle import write_half


@pytest.fixture(scope="module")
def model(model_dir):
    return lamo.load(model_dir, device="cpu")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_clip_has_futures_and_several_clips_have_them_each(model, frames):
    one = model.rollout(frames, seconds=1.0, samples=3)
    assert one.frames.shape == (3, 5, HEIGHT, WIDTH, 3)
    assert one.frames.dtype == np.uint8
    assert one.states.shape == (3, 5, 24, 16)
    np.testing.assert_allclose(one.times_s, [0.2, 0.4, 0.6, 0.8, 1.0])
    several = model.rollout(np.stack([frames, frames[::-1]]), seconds=0.4, samples=2)
    assert several.frames.shape == (2, 2, 2, HEIGHT, WIDTH, 3)
    assert several.states.shape == (2, 2, 2, 24, 16)


def test_the_same_seed_gives_the_same_futures_and_another_one_others(model, frames):
    first, again, other = (model.rollout(frames, 0.6, 2, seeded(seed)).frames for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first[0] != first[1]).any()


def test_a_future_does_not_depend_on_those_beside_it(model, frames):
    few, many = (model.rollout(frames, 0.4, samples, seeded(3)).states for samples in (1, 4))
    torch.testing.assert_close(few, many[:1], atol=1e-4, rtol=1e-4)


def test_only_the_last_frames_are_read(model, frames):
    assert model.frames_needed == 4
    whole, last = (model.rollout(seen, 0.4, 1, seeded(0)).frames for seen in (frames, frames[-4:]))
    np.testing.assert_array_equal(whole, last)
    turned = frames.copy()
    turned[-4] = 255 - turned[-4]
    assert (model.rollout(turned, 0.4, 1, seeded(0)).frames != whole).any()


def test_every_step_is_reported(model, frames):
    seen = []
    model.rollout(frames, 0.6, 2, on_step=lambda step, state: seen.append((step, tuple(state.shape))))
    assert seen == [(1, (2, 24, 16)), (2, (2, 24, 16)), (3, (2, 24, 16))]


def test_frames_are_encoded_and_states_decoded_with_whatever_axes_before_them(model, frames):
    states = model.encode(frames.reshape(7, 1, HEIGHT, WIDTH, 3))
    assert states.shape == (7, 1, 24, 16)
    torch.testing.assert_close(model.encode(torch.from_numpy(frames[2])), states[2, 0], atol=1e-5, rtol=1e-5)
    pictures = model.decode(states)
    assert pictures.shape == (7, 1, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(model.decode(states[2, 0]), pictures[2, 0])


def test_predictor_and_sampler_are_chosen_by_name(model_dir, frames):
    assert lamo.load(model_dir).sampler.label == "gmm"
    assert lamo.load(model_dir / "model", "flow").sampler.label == "flow-2"
    certain = lamo.load(model_dir, "gmm", "mean")
    assert certain.rollout(frames, 0.4).frames.shape[:2] == (1, 2)
    with pytest.raises(LamoError, match="found 2 samples of gmm-mean, which leaves nothing to chance; ask for 1"):
        certain.rollout(frames, 0.4, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"predictor": "state"}, "found no predictor 'state', expected one of flow, gmm"),
        ({"predictor": "flow", "sampler": "mean"}, "found 'mean', expected a sampler of kind flow"),
        ({"device": "abacus"}, "device: found abacus .*, expected cpu"),
    ],
)
def test_a_choice_that_is_not_there_is_refused(model_dir, arguments, message):
    with pytest.raises(LamoError, match=message):
        lamo.load(model_dir, **arguments)


def test_what_is_no_model_is_refused(model_dir, tmp_path):
    for path, found in ((tmp_path / "nowhere", "no such folder"), (tmp_path, r"no model\.json"), (__file__, "a file")):
        with pytest.raises(LamoError, match=f"found {found}.*expected the folder of a model or of a finished run"):
            lamo.load(path)
    copy = shutil.copytree(model_dir / "model", tmp_path / "model")
    (copy / "model.json").write_text('{"format": 2}')
    with pytest.raises(LamoError, match=r"model\.json: found 2 for format .*expected a model of this version"):
        lamo.load(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda frames: frames[:, :8],
            r"found frames uint8 \(7, 8, 24, 3\), expected uint8 \[..., 16, 24, 3\]; resize",
        ),
        (lambda frames: frames / 255, "found frames float64"),
        (
            lambda frames: frames[:3],
            r"rollout: found frames \(3, 16, 24, 3\), expected .* at least 4 frames, 5 a second",
        ),
        (lambda frames: frames[0], "expected one clip"),
        (lambda frames: frames[:0], r"found frames uint8 \(0, 16, 24, 3\)"),
    ],
)
def test_frames_that_do_not_fit_are_refused(model, frames, change, message):
    with pytest.raises(LamoError, match=message):
        model.rollout(change(frames))


def test_no_future_at_all_is_refused(model, frames):
    with pytest.raises(LamoError, match=r"found 0\.05 s, expected a step of 0\.2 s or more"):
        model.rollout(frames, seconds=0.05)
    with pytest.raises(LamoError, match="found nan s"):
        model.rollout(frames, seconds=float("nan"))
    with pytest.raises(LamoError, match="found 0 samples"):
        model.rollout(frames, samples=0)


def test_states_of_another_size_are_refused(model):
    with pytest.raises(LamoError, match=r"found states \(24, 15\), expected \[\.\.\., 24, 16\]"):
        model.decode(torch.zeros(24, 15))


def test_half_the_bytes_give_the_same_futures_but_for_rounding(model_dir, frames, tmp_path):
    shutil.copytree(model_dir, tmp_path / "half")
    for path in (model_dir / "model").rglob("model.safetensors"):
        half = tmp_path / "half" / path.relative_to(model_dir)
        write_half(path, half)
        assert half.stat().st_size < 0.6 * path.stat().st_size
        assert all(one.dtype == torch.float16 for one in load_file(half).values() if one.is_floating_point())
    whole, half = (lamo.load(folder, "flow", device="cpu") for folder in (model_dir, tmp_path / "half"))
    one, other = (each.rollout(frames, 0.6, 2, seeded(3)).frames.astype(int) for each in (whole, half))
    assert np.abs(one - other).max() <= 2
    assert np.abs(one - other).mean() < 0.5


def test_weights_too_large_for_half_precision_are_refused(tmp_path):
    save_file({"small": torch.ones(3), "count": torch.arange(3)}, tmp_path / "a.safetensors")
    write_half(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    assert load_file(tmp_path / "b.safetensors")["count"].dtype == torch.int64
    save_file({"large": torch.tensor([1.0, -7e4])}, tmp_path / "a.safetensors")
    with pytest.raises(LamoError, match="large: found 70000, expected at most 65504"):
        write_half(tmp_path / "a.safetensors", tmp_path / "c.safetensors")
    assert not (tmp_path / "c.safetensors").exists()


def test_a_model_is_saved_and_found_as_on_the_hugging_face_hub(model, frames, tmp_path, caplog):
    model.save_pretrained(tmp_path / "saved")
    again = lamo.WorldModel.from_pretrained(tmp_path / "saved", predictor="flow", device="cpu")
    assert again.predictor is not model.predictor
    there = {path.relative_to(tmp_path / "saved") for path in (tmp_path / "saved").rglob("*") if path.is_file()}
    assert there >= {path.relative_to(model.folder) for path in model.folder.rglob("*") if path.is_file()}
    first, second = (
        lamo.WorldModel.from_pretrained(str(folder), device="cpu").rollout(frames, 0.4, 2, seeded(1)).frames
        for folder in (model.folder, tmp_path / "saved")
    )
    np.testing.assert_array_equal(first, second)
    assert not caplog.messages


def test_a_name_that_is_no_folder_is_looked_for_on_the_hub(model, monkeypatch):
    asked = {}

    def download(name, **options):
        asked.update(name=name, **options)
        return model.folder

    monkeypatch.setattr("lamo.model.hub.snapshot_download", download)
    found = lamo.WorldModel.from_pretrained("somebody/roads", predictor="gmm", device="cpu", revision="v1")
    assert found.facts == model.facts
    assert asked == {"name": "somebody/roads", "revision": "v1"}


def test_a_name_that_nobody_has_is_said_in_one_line(monkeypatch):
    def download(name, **options):
        raise LocalEntryNotFoundError("cannot reach the hub\nand more")

    monkeypatch.setattr("lamo.model.hub.snapshot_download", download)
    with pytest.raises(
        LamoError, match=r"results/dmeo: found no such folder, nor that model .* \(cannot reach the hub\)"
    ):
        lamo.WorldModel.from_pretrained("results/dmeo")


def test_a_model_is_not_saved_into_itself(model):
    for place in (model.folder, model.folder / "copy", model.folder.parent):
        with pytest.raises(LamoError, match="found the model's own folder"):
            model.save_pretrained(place)
