"""Import of checkpoints in the published layout, and the refusal of others."""

import pytest
import torch
from published_layout import published_content, write_published

from lamo.errors import LamoError
from lamo.midway.network import Midway
from lamo.midway.published import describe, published_config
from lamo.midway.upstream.conversion import import_dino_heads, import_upstream

IMAGE = (16, 24)
ENCODER = {"patch": 4, "width": 12, "depth": 8, "heads": 3, "levels": (1, 3, 5, 7)}
INVERSE = {"tokens": 5, "width": 16, "depth": 2, "heads": 4}
FORWARD = {"depth": 3, "heads": 2, "lateral_heads": 6}


@pytest.fixture
def original() -> Midway:
    model = Midway(published_config(ENCODER, INVERSE, FORWARD), IMAGE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval().requires_grad_(False)


@pytest.fixture
def content(original) -> dict:
    return published_content(original)


def refusal(path, call=import_upstream, **choice) -> str:
    with pytest.raises(LamoError) as caught:
        call(path, **choice)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    assert len(message) < 700
    return message.removeprefix(f"{path}: ")


def test_an_imported_model_computes_the_same(original, content, tmp_path):
    model = import_upstream(write_published(tmp_path / "file.pth", content))
    assert model.config == original.config
    assert model.image == original.image
    assert not model.training
    assert describe(model.config, model.training_record) == "Midway: the published form."
    images = torch.randn(2, 3, *IMAGE)
    states = [[m.encode(images[i : i + 1], r) for i, r in enumerate(("student", "teacher"))] for m in (original, model)]
    found, expected = model.infer(*states[1]), original.infer(*states[0])
    assert torch.equal(found.motion, expected.motion)
    for one, other in zip(
        (*found.predictions, *found.gates[0]), (*expected.predictions, *expected.gates[0]), strict=True
    ):
        assert torch.equal(one, other)


def test_importing_draws_no_random_numbers(content, tmp_path):
    path, state = write_published(tmp_path / "file.pth", content), torch.get_rng_state()
    import_upstream(path)
    assert torch.equal(torch.get_rng_state(), state)


def test_half_precision_weights_become_single(content, tmp_path):
    content["student"] = {name: tensor.half() for name, tensor in content["student"].items()}
    model = import_upstream(write_published(tmp_path / "file.pth", content))
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_plain_arguments_serve_as_well(content, tmp_path):
    torch.save(content, tmp_path / "file.pth")
    assert import_upstream(tmp_path / "file.pth").image == IMAGE


def test_absent_arguments_have_the_published_defaults(tmp_path):
    config = published_config(ENCODER | {"levels": (1, 3, 5, 7)}, INVERSE | {"heads": 3, "width": 12}, {"heads": 6})
    content = published_content(Midway(config, (16, 16)))
    content["args"] = {"arch": "vit_tiny"}
    model = import_upstream(write_published(tmp_path / "file.pth", content))
    assert (model.config.forward_.heads, model.config.forward_.lateral_heads, model.config.inverse.heads) == (6, 6, 3)
    assert model.config.encoder.levels == (1, 3, 5, 7)
    assert model.image == (16, 16)


def test_unknown_architectures_need_the_heads(content, tmp_path):
    content["args"]["arch"] = "vit_odd"
    path = write_published(tmp_path / "file.pth", content)
    assert "its architecture 'vit_odd' is none of vit_tiny, vit_small, vit_base" in refusal(path)
    assert import_upstream(path, encoder_heads=6).config.encoder.heads == 6
    assert "5 do not divide the width 12" in refusal(path, encoder_heads=5)


def test_dino_heads_are_read(content, tmp_path):
    path = write_published(tmp_path / "file.pth", content)
    heads = import_dino_heads(path)
    for part, prefix, head in (("student", "module.", heads.student), ("teacher", "", heads.teacher)):
        weights = {name.removeprefix(f"{prefix}dino_head."): tensor for name, tensor in content[part].items()}
        features = torch.randn(3, 12)
        code = features
        for layer in (0, 2, 4):
            code = code @ weights[f"mlp.{layer}.weight"].t() + weights[f"mlp.{layer}.bias"]
            code = code if layer == 4 else torch.nn.functional.gelu(code)
        direction = weights["last_layer.weight_v"] / weights["last_layer.weight_v"].norm(dim=1, keepdim=True)
        expected = code / code.norm(dim=1, keepdim=True) @ (weights["last_layer.weight_g"] * direction).t()
        torch.testing.assert_close(head(features), expected)
    del content["teacher"]["dino_head.last_layer.weight_g"]
    write_published(path, content)
    message = "teacher has 1 weights missing (dino_head.last_layer.weight_g)"
    assert message in refusal(path, import_dino_heads)
    import_upstream(path)  # the network itself does not need the head


# --- foreign and incomplete files ---


def without(content: dict, part: str, piece: str) -> None:
    content[part] = {name: tensor for name, tensor in content[part].items() if piece not in name}


def renamed(content: dict, part: str, old: str, new: str) -> None:
    content[part] = {name.replace(old, new): tensor for name, tensor in content[part].items()}


def put(content: dict, part: str, name: str, tensor: torch.Tensor) -> None:
    content[part][name] = tensor


CHANGES = {
    "plain DINO": (
        lambda c: [c.pop("motion_loss"), renamed(c, "student", "dino_head", "head")],
        "there is no part 'motion_loss'; found 'student', 'teacher', 'optimizer', 'epoch', 'args'",
    ),
    "no teacher": (
        lambda c: c.pop("teacher"),
        "there is no part 'teacher'; found 'student', 'motion_loss', 'optimizer'",
    ),
    "no arguments": (lambda c: c.pop("args"), "there are no stored arguments ('args')"),
    "arguments that are none": (lambda c: c.update(args="x"), "there are no stored arguments ('args')"),
    "other names": (
        lambda c: renamed(c, "student", "backbone", "encoder"),
        "student has no weights named module.backbone.*; it is of another model",
    ),
    "no motion tokens": (
        lambda c: without(c, "motion_loss", "motion_tokens"),
        "motion_loss has no weights module.motion_tokens with 3 axes",
    ),
    "no motion blocks": (
        lambda c: without(c, "motion_loss", "motion_blocks"),
        "motion_loss has no weights named module.motion_blocks_*.",
    ),
    "half of the motion part": (
        lambda c: without(c, "motion_loss", "teacher_"),
        "62 weights missing (motion_loss module.teacher_embed.weight, motion_loss module.teacher_embed.bias, "
        "motion_loss module.teacher_feature_blocks_0.0.norm1.weight, ...)",
    ),
    "a block less": (lambda c: without(c, "teacher", "blocks.3."), "12 weights missing (teacher backbone.blocks.3."),
    "a weight more": (
        lambda c: put(c, "student", "module.backbone.mask_token", torch.ones(1)),
        "1 weights unknown (student module.backbone.mask_token)",
    ),
    "other hidden widths": (
        lambda c: [
            put(c, part, f"{prefix}blocks.1.mlp.fc1.weight", torch.ones(24, 12))
            for part, prefix in (("student", "module.backbone."), ("teacher", "backbone."))
        ],
        "2 weights unfit (student module.backbone.blocks.1.mlp.fc1.weight is (24, 12), expected (48, 12)",
    ),
    "another shape": (
        lambda c: put(c, "motion_loss", "module.motion_proj.weight", torch.ones(12, 8)),
        "1 weights unfit (motion_loss module.motion_proj.weight is (12, 8), expected (12, 16))",
    ),
    "not a number": (
        lambda c: c["teacher"]["backbone.norm.bias"].fill_(torch.nan),
        "1 weights unfit (teacher backbone.norm.bias is not finite)",
    ),
    "a block from nowhere": (
        lambda c: put(c, "student", "module.backbone.blocks.999999999.norm1.weight", torch.ones(12)),
        "unknown (student module.backbone.blocks.999999999.norm1.weight)",
    ),
}
ARGUMENTS = {
    "levels out of range": ({"motion_feature_levels": [1, 3, 5, 8]}, "is (1, 3, 5, 8), expected 4 rising below 8"),
    "levels below zero": ({"motion_feature_levels": [-1, 3, 5, 7]}, "expected whole numbers from 0"),
    "levels repeated": ({"motion_feature_levels": [1, 1, 5, 7]}, "expected 4 rising below 8"),
    "too few levels": ({"motion_feature_levels": [1, 3, 5]}, "expected 4 rising below 8"),
    "levels as text": ({"motion_feature_levels": "1,3,5,7"}, "motion_feature_levels is '1,3,5,7', expected list"),
    "another frame": (
        {"motion_crop_resolution": [16, 16]},
        "(16, 16) (motion_crop_resolution) have not the 24 patches",
    ),
    "one side": ({"motion_crop_resolution": [16]}, "have not the 24 patches of pos_embed"),
    "registers": ({"num_register_tokens": 4}, "num_register_tokens is 4; only 0 can be computed"),
    "heads as text": ({"midway_model_configs": {"num_pred_heads": "${x}"}}, "num_pred_heads is '${x}', expected int"),
    "no heads": ({"midway_model_configs": {"num_motion_heads": 0}}, "num_motion_heads: 0 do not divide the width 16"),
    "odd heads": ({"midway_model_configs": {"num_motion_heads": 3}}, "num_motion_heads: 3 do not divide the width 16"),
    "another bias": ({"midway_model_configs": {"gating_bias": 2.5}}, "gating_bias is 2.5; only 4 can be computed"),
    "another gate": ({"midway_model_configs": {"gating_type": "x"}}, "gating_type is 'x'; only 'pred-vector' can be"),
    "another target": ({"midway_model_configs": {"target_type": "y"}}, "target_type is 'y'; only 'forward' can be"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_foreign_and_half_matching_checkpoints_are_refused(content, tmp_path, change):
    make, message = CHANGES[change]
    make(content)
    found = refusal(write_published(tmp_path / "file.pth", content))
    assert found.startswith("not a full published Midway checkpoint: ")
    assert message in found


@pytest.mark.parametrize("change", ARGUMENTS)
def test_arguments_that_do_not_fit_are_refused(content, tmp_path, change):
    changes, message = ARGUMENTS[change]
    content["args"] |= changes
    assert message in refusal(write_published(tmp_path / "file.pth", content))


def test_weights_of_a_single_vision_transformer_are_refused(tmp_path):
    weights = {
        "cls_token": torch.ones(1, 1, 8),
        "pos_embed": torch.ones(1, 5, 8),
        "patch_embed.proj.weight": torch.ones(8),
    }
    torch.save(weights, tmp_path / "file.pth")
    assert "there is no part 'student'; found 'cls_token', 'pos_embed', 'patch_embed" in refusal(tmp_path / "file.pth")
    torch.save([1, 2], tmp_path / "file.pth")
    assert "it holds a list, expected the parts of a training run" in refusal(tmp_path / "file.pth")


def test_truncated_checkpoints_are_refused(content, tmp_path):
    path = write_published(tmp_path / "file.pth", content)
    data = path.read_bytes()
    for end in (1000, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:end])
        assert "truncated or damaged" in refusal(path)


def test_arguments_that_hold_themselves_are_refused(content, tmp_path):
    content["args"]["_content"] = content["args"]
    torch.save(content, tmp_path / "file.pth")
    assert "nested beyond reason" in refusal(tmp_path / "file.pth")
