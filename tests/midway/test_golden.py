"""Every number of the reference vectors of the published model (see the README beside them)."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from lamo.midway.learning.config import DinoConfig
from lamo.midway.learning.dino import DinoHead
from lamo.midway.losses import motion_loss
from lamo.midway.network import Midway
from lamo.midway.published import vit_base, vit_small
from lamo.midway.upstream.conversion import import_dino_heads, import_upstream
from lamo.midway.upstream.names import published_names

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "golden" / "midway_a"
PRESENT = (FOLDER / "expected.safetensors").exists()
DIRECTIONS = {"fwd": ("x_t", "x_t1"), "rev": ("x_t1", "x_t")}
SMALL = 2.0**-6
# Largest absolute difference, by a piece of the tensor's name; the first that fits.
TOLERANCES = {
    "patch_embed.proj.weight.first8": 1e-7, "grad.motion_tokens": 5e-8, "gate": 2e-6, "loss": 5e-6, "": 3e-5,
}  # fmt: skip
needs_golden = pytest.mark.skipif(not PRESENT, reason=f"the reference vectors are not at {FOLDER}")
EXPECTED = load_file(FOLDER / "expected.safetensors") if PRESENT else {}
SCALARS = json.loads((FOLDER / "expected_scalars.json").read_text()) if PRESENT else {"losses": {}, "gate_metrics": {}}
SETTINGS = json.loads((FOLDER / "config.json").read_text()) if PRESENT else {}


@pytest.fixture(scope="module")
def model() -> Midway:
    return import_upstream(FOLDER / "upstream_checkpoint.pth", encoder_heads=SETTINGS["encoder"]["num_heads"])


@pytest.fixture(scope="module")
def inputs() -> dict[str, torch.Tensor]:
    return load_file(FOLDER / "inputs.safetensors")


@pytest.fixture(scope="module")
def states(model, inputs):
    """(role, frame) -> levels of the pyramid."""
    return {(r, x): model.encode(inputs[x], r) for r in ("student", "teacher") for x in ("x_t", "x_t1")}


def by_level(prefix: str, levels) -> dict[str, torch.Tensor]:
    return {f"{prefix}.level{i}": level for i, level in enumerate(levels)}


def of_transition(prefix: str, found) -> dict[str, torch.Tensor]:
    tensors = {
        **by_level(f"{prefix}.inverse_input", found.inverse_inputs),
        **by_level(f"{prefix}.motion_raw", found.motion_raw),
        **by_level(f"{prefix}.motion", found.motion.unbind(1)),
        **by_level(f"{prefix}.source_lateral", found.source_refined),
        **by_level(f"{prefix}.target_lateral", found.target_refined),
        **by_level(f"{prefix}.prediction", found.predictions),
    }
    for level, gates in enumerate(found.gates):
        tensors |= {f"{prefix}.gate.level{level}.block{b}": gate for b, gate in enumerate(gates, start=1)}
    return tensors


def of_losses(prefix: str, losses) -> dict[str, torch.Tensor]:
    """Losses of both directions, and their mean."""
    levels = [torch.stack(pair).mean() for pair in zip(*(loss.levels for loss in losses), strict=True)]
    total = torch.stack([loss.total for loss in losses]).mean()
    return {**by_level(f"{prefix}loss", levels), f"{prefix}loss.total": total}


@pytest.fixture(scope="module")
def found(model, inputs, states) -> dict[str, torch.Tensor]:
    """All tensors but the gradients, under the names of the reference."""
    tensors, losses, small_losses = {}, [], []
    for (role, frame), levels in states.items():
        tensors |= by_level(f"pyramid.{role}.{frame}", levels)
    tensors |= by_level("alt.pyramid.student.x_alt", model.encode(inputs["x_alt"], "student"))
    for name, (source, target) in DIRECTIONS.items():
        pair = states["student", source], states["teacher", target]
        losses.append(model.motion_loss(*pair))
        tensors |= of_transition(name, model.infer(*pair)) | by_level(f"{name}.loss", losses[-1].levels)
        # The reference fed its own recorded pyramids here, and so does this.
        small = tuple(
            tuple(SMALL * EXPECTED[f"pyramid.{role}.{frame}.level{i}"][:1] for i in range(4))
            for role, frame in (("student", source), ("teacher", target))
        )
        small_losses.append(model.motion_loss(*small))
        tensors |= of_transition(f"small.{name}", model.infer(*small))
    heads = import_dino_heads(FOLDER / "upstream_checkpoint.pth")
    tensors["dino_head.student.x_t"] = heads.student(states["student", "x_t"][-1][:, 0])
    tensors["dino_head.teacher.x_t1"] = heads.teacher(states["teacher", "x_t1"][-1][:, 0])
    return tensors | of_losses("", losses) | of_losses("small.", small_losses)


@pytest.fixture(scope="module")
def gradients(model, inputs) -> dict[str, torch.Tensor | None]:
    """Gradient of the total loss for every parameter of the published student and motion part, under its name there."""
    model.requires_grad_(True)
    total = torch.zeros(())
    for source, target in DIRECTIONS.values():
        with torch.no_grad():
            z_target = model.encode(inputs[target], "teacher")
        total = total + model.motion_loss(model.encode(inputs[source], "student"), z_target).total / 2
    # What the reference trains; the rest are averages of it.
    total.backward()
    out = {}
    for name, parameter in model.named_parameters():
        part, names = published_names(name)
        pieces = [None] * len(names) if parameter.grad is None else parameter.grad.chunk(len(names))
        out |= {f"{part}.{one.removeprefix('module.')}": piece for one, piece in zip(names, pieces, strict=True)}
    model.zero_grad()
    model.requires_grad_(False)
    return {name: grad for name, grad in out.items() if not name.startswith("teacher.")}


def tolerance(name: str) -> float:
    return next(value for piece, value in TOLERANCES.items() if piece in name)


@needs_golden
@pytest.mark.parametrize("name", [name for name in EXPECTED if not name.startswith("grad.")])
def test_tensor(name, found):
    expected = EXPECTED[name]
    value = found[name].reshape(1) if expected.shape == (1,) else found[name]
    torch.testing.assert_close(value, expected, rtol=0, atol=tolerance(name))


@needs_golden
@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("grad.")])
def test_gradient(name, gradients):
    weight = gradients["student.backbone.patch_embed.proj.weight"]
    value = {
        "grad.patch_embed.proj.weight.norm": weight.norm().reshape(1),
        "grad.patch_embed.proj.weight.first8": weight.flatten()[:8],
        "grad.motion_tokens": gradients["motion_loss.motion_tokens"],
    }[name]
    limits = {"rtol": 1e-5, "atol": 0.0} if name.endswith(".norm") else {"rtol": 0.0, "atol": tolerance(name)}
    torch.testing.assert_close(value, EXPECTED[name], **limits)


@needs_golden
def test_norm_of_every_gradient_and_which_parameters_have_none(gradients):
    expected = SCALARS["grad_norms"]
    assert gradients.keys() == expected.keys()
    assert {name for name, grad in gradients.items() if grad is None} == {n for n, v in expected.items() if v is None}
    for name, norm in expected.items():
        if norm is not None:
            assert float(gradients[name].double().norm()) == pytest.approx(norm, rel=1e-5), name


@needs_golden
@pytest.mark.parametrize("name", SCALARS["losses"])
def test_loss(name, found):
    assert float(found[name]) == pytest.approx(SCALARS["losses"][name], abs=5e-6, rel=0)


@needs_golden
@pytest.mark.parametrize("name", SCALARS["gate_metrics"])
def test_gate_statistics(name, found):
    _, _, level, block, kind = name.split("-")
    key = f"gate.level{level.removeprefix('lvl')}.block{int(block.removeprefix('blk')) + 1}"
    gates = torch.cat([found[f"{direction}.{key}"] for direction in DIRECTIONS])
    value = {"mean": gates.mean(), "var": gates.var()}[kind]
    assert float(value) == pytest.approx(SCALARS["gate_metrics"][name], abs=2e-6 if kind == "mean" else 1e-8, rel=0)


@needs_golden
def test_parameters_are_as_many_as_in_the_reference(model):
    counts = SETTINGS["param_counts"]
    assert parameters(model.student) == parameters(model.teacher) == counts["student_backbone"]
    assert parameters(model) - parameters(model.student, model.teacher) == counts["motion_loss_total"]
    heads = import_dino_heads(FOLDER / "upstream_checkpoint.pth")
    assert parameters(heads.student) == parameters(heads.teacher) == counts["student_dino_head"]


@needs_golden
def test_geometry_is_that_of_the_reference(model):
    wanted, motion, encoder = SETTINGS["encoder"], SETTINGS["midway_model_configs"], model.config.encoder
    assert model.image == tuple(wanted["img_size"])
    assert model.grid == tuple(wanted["patch_grid"])
    assert (encoder.patch, encoder.width, encoder.depth) == (wanted["patch_size"], wanted["embed_dim"], wanted["depth"])
    assert encoder.heads == wanted["num_heads"]
    assert wanted["mlp_ratio"] == 4.0
    assert list(encoder.levels) == wanted["feature_levels"]
    inverse, forward = model.config.inverse, model.config.forward_
    assert (inverse.tokens, inverse.width) == (motion["motion_tokens"], motion["motion_dim"])
    assert (inverse.depth, inverse.heads) == (motion["motion_depth"], motion["num_motion_heads"])
    assert (forward.depth, forward.heads) == (motion["predictor_depth"], motion["num_pred_heads"])
    assert (forward.lateral_heads, model.form.gate_bias) == (motion["num_feature_heads"], motion["gating_bias"])
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


@needs_golden
def test_the_library_face_agrees_with_what_is_inferred_at_once(model, states):
    source, target = states["student", "x_t"], states["teacher", "x_t1"]
    transition = model.infer(source, target)
    motion = model.inverse(source, target)
    assert torch.equal(motion, transition.motion)
    for one, other in zip(model.predict(source, motion), transition.predictions, strict=True):
        assert torch.equal(one, other)
    loss = model.motion_loss(source, target)
    direct = motion_loss(transition.predictions, source, target)
    assert torch.equal(loss.total, direct.total)
    assert len(loss.levels) == 3


@needs_golden
def test_a_saved_import_computes_the_same(model, states, inputs, tmp_path):
    model.save(tmp_path)
    loaded = Midway.load(tmp_path)
    for one, other in zip(loaded.encode(inputs["x_t"], "student"), states["student", "x_t"], strict=True):
        assert torch.equal(one, other)
    pair = states["student", "x_t"], states["teacher", "x_t1"]
    assert torch.equal(loaded.inverse(*pair), model.inverse(*pair))


def parameters(*modules: torch.nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize(
    ("config", "encoder", "lateral", "forwards", "gates"),  # of ViT-B by the same formulas in the width
    [
        (vit_small(), 21_665_664, 7_095_168, 21_279_744, 2_668_032),
        (vit_base(), 85_798_656, 28_346_112, 85_026_816, 10_644_480),
    ],
)
def test_presets_have_the_published_number_of_parameters(config, encoder, lateral, forwards, gates):
    with torch.device("meta"):
        model = Midway(config, (224, 224))
    inverse, width = model.inverse_dynamics, config.encoder.width
    assert parameters(model.student) == parameters(model.teacher) == encoder
    assert parameters(inverse.blocks) == 5_331_456
    assert parameters(model.source_laterals) == parameters(model.target_laterals) == lateral
    assert parameters(*(level.blocks for level in model.forward_dynamics)) == forwards
    assert parameters(*(level.gates for level in model.forward_dynamics)) == gates
    assert parameters(inverse.source_embed) == parameters(inverse.target_embed) == 192 * width + 192
    assert parameters(model.motion_proj) == 192 * width + width
    assert inverse.position.numel() == 75_648
    assert inverse.motion_tokens.numel() == 1_920


def test_the_dino_head_of_published_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        head = DinoHead(384, DinoConfig(prototypes=65_536, hidden=2_048, bottleneck=256))
    assert parameters(head) == 22_352_128
