"""What takes the place of training: a published checkpoint or a model of this project."""

import subprocess
import sys

import pytest
import torch
from published_layout import published_content, write_published

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.midway.checkpoint.importing import import_checkpoint
from lamo.midway.config import MidwayConfig

IMAGE = (16, 24)


@pytest.fixture
def path(make_midway, tmp_path):
    model = make_midway("published")
    return write_published(tmp_path / "file.pth", published_content(model, "vit_odd"))


def config(path, **recurrence) -> MidwayConfig:
    return MidwayConfig.model_validate({"checkpoint": str(path), "checkpoint_heads": 2, "recurrence": recurrence})


def test_a_published_model_gets_the_recurrence_of_the_configuration(path):
    model = import_checkpoint(config(path, projection="none", role="student"), IMAGE, [0, 3])
    assert (model.config.recurrence.projection, model.config.recurrence.role) == ("none", "student")
    assert model.config.encoder.heads == 2
    z = model.encode(torch.randn(1, 3, *IMAGE), "student")
    motion = model.inverse(z, z)
    assert torch.equal(model.step(z, motion)[0], model.predict(z, motion)[0])


@pytest.mark.parametrize("top", ["predicted", "recomputed"])
def test_what_a_recurrence_adds_needs_frames_to_be_fitted_on(path, top):
    message = rf"midway\.recurrence\.top: found {top}, for which .* has no weights; give frames to fit them on, or set"
    with pytest.raises(LamoError, match=message):
        import_checkpoint(config(path, top=top), IMAGE, [0])


@pytest.mark.parametrize(("top", "new"), [("predicted", "forward_dynamics.3."), ("recomputed", "stream_scale.")])
def test_what_a_recurrence_adds_is_fitted_and_nothing_else_changes(path, clips, tmp_path, top, new):
    plain = import_checkpoint(config(path), IMAGE, [0]).state_dict()
    wanted = config(path, top=top, fit={"steps": 2, "batch": 2})
    model = import_checkpoint(wanted, IMAGE, [0], clips(2, 8), seed=1)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in plain.items())
    assert {name for name in model.state_dict() if name not in plain} == {
        name for name in model.state_dict() if name.startswith(new)
    }
    # Saved and given again it has all that it needs; another choice drops the part.
    model.save(tmp_path / "ours")
    again = import_checkpoint(config(tmp_path / "ours", top=top), IMAGE, [0])
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in again.state_dict().items())
    assert import_checkpoint(config(tmp_path / "ours"), IMAGE, [0]).state_dict().keys() == plain.keys()


def test_the_heads_are_asked_for_where_the_architecture_is_unknown(path):
    with pytest.raises(LamoError, match="its architecture 'vit_odd' is none of"):
        import_checkpoint(MidwayConfig(checkpoint=str(path)), IMAGE, [0])


@pytest.mark.parametrize("form", ["compact", "published"])
def test_a_model_of_this_project_keeps_its_weights_and_takes_the_recurrence_of_the_configuration(
    make_midway, tmp_path, form
):
    model = make_midway(form, recurrence={"top": "predicted"})
    model.save(tmp_path)
    for path in (tmp_path, tmp_path / "model.safetensors"):
        wanted = config(path, top="predicted", projection="scale", role="student")
        found = import_checkpoint(wanted, IMAGE, [0])
        assert found.config == model.config.model_copy(update={"recurrence": wanted.recurrence})
        for name, tensor in model.state_dict().items():
            assert torch.equal(found.state_dict()[name], tensor)


def test_a_model_saved_with_other_keys_is_refused(make_midway, tmp_path):
    make_midway("compact").save(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace('"projection": "norm"', '"renormalise": true'))
    with pytest.raises(LamoError, match=r"config\.json is of another version \(recurrence\.renormalise: Extra"):
        import_checkpoint(config(tmp_path), IMAGE, [0])


def test_what_does_not_fit_the_run_is_refused(path):
    with pytest.raises(LamoError, match=r"frames: found 16 x 32, but the model in .* needs \{height: 16, width: 24\}"):
        import_checkpoint(config(path), (16, 32), [0])
    for levels in ([4], [-1, 0]):
        with pytest.raises(LamoError, match=r"latents\.levels: found .* has levels 0 to 3"):
            import_checkpoint(config(path), IMAGE, levels)


def test_a_checkpoint_brings_its_own_geometry():
    raw = {"frames": {"height": 30, "width": 62}, "latents": {"levels": [5]}}
    with pytest.raises(LamoError, match=r"frames\.height: found 30, expected a multiple of midway\.encoder\.patch"):
        load_config(raw)
    assert load_config(raw | {"midway": {"checkpoint": "file.pth"}}).midway.checkpoint == "file.pth"


def test_the_network_does_not_depend_on_the_importer():
    code = "import sys, lamo.midway.network; sys.exit('lamo.midway.checkpoint.upstream' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
