"""What takes the place of training: a published checkpoint or a model of this project."""

import subprocess
import sys

import pytest
import torch
from published_layout import published_content, write_published

from lamo.config import load_config
from lamo.errors import LamoError
from lamo.midway.config import MidwayConfig
from lamo.midway.upstream.importing import import_checkpoint

IMAGE = (16, 24)


@pytest.fixture
def path(make_midway, tmp_path):
    model = make_midway("published")
    return write_published(tmp_path / "file.pth", published_content(model, "vit_odd"))


def config(path) -> MidwayConfig:
    return MidwayConfig.model_validate({"checkpoint": str(path), "checkpoint_heads": 2})


def test_a_published_model_is_taken_with_its_sizes(path):
    model = import_checkpoint(config(path), IMAGE)
    assert model.form.name == "published"
    assert model.config.encoder.heads == 2
    z = model.encode(torch.randn(1, 3, *IMAGE), "student")
    assert model.step(z, model.inverse(z, z))[-1] is z[-1]


def test_the_heads_are_asked_for_where_the_architecture_is_unknown(path):
    with pytest.raises(LamoError, match="its architecture 'vit_odd' is none of"):
        import_checkpoint(MidwayConfig(checkpoint=str(path)), IMAGE)


@pytest.mark.parametrize("form", ["compact", "published"])
def test_a_model_of_this_project_keeps_its_weights(make_midway, tmp_path, form):
    model = make_midway(form)
    model.save(tmp_path)
    for path in (tmp_path, tmp_path / "model.safetensors"):
        found = import_checkpoint(config(path), IMAGE)
        assert found.form is model.form
        for name, tensor in model.state_dict().items():
            assert torch.equal(found.state_dict()[name], tensor)


def test_what_does_not_fit_the_run_is_refused(path):
    with pytest.raises(LamoError, match=r"frames: found 16 x 32, but the model in .* needs \{height: 16, width: 24\}"):
        import_checkpoint(config(path), (16, 32))


def test_a_checkpoint_brings_its_own_geometry():
    raw = {"frames": {"height": 30, "width": 62}, "latents": {"levels": [5]}}
    with pytest.raises(LamoError, match=r"frames\.height: found 30, expected a multiple of midway\.encoder\.patch"):
        load_config(raw)
    assert load_config(raw | {"midway": {"checkpoint": "file.pth"}}).midway.checkpoint == "file.pth"


def test_the_network_does_not_depend_on_the_importer_nor_on_the_training():
    code = (
        "import sys, lamo.midway.network; "
        "sys.exit(any(name.startswith(('lamo.midway.upstream.', 'lamo.midway.learning.')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
