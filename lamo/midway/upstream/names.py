"""How the published checkpoints name what `Midway` and `DinoHead` hold."""

import re

# What wrappers of a model add to the names inside it: data parallelism, `torch.compile`, and checkpointing.
WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
PREFIXES = {"student": "module.backbone.", "teacher": "backbone.", "motion_loss": "module."}
RULES = (
    (r"^patch_embed\.", "patch_embed.proj."),
    (r"^inverse_dynamics\.position$", "pos_embed"),
    (r"^inverse_dynamics\.motion_tokens$", "motion_tokens"),
    (r"^inverse_dynamics\.source_embed\.", "student_embed."),
    (r"^inverse_dynamics\.target_embed\.", "teacher_embed."),
    (r"^inverse_dynamics\.blocks\.(\d+)\.", r"motion_blocks_\1."),
    (r"^source_laterals\.(\d+)\.", r"student_feature_blocks_\1.0."),
    (r"^target_laterals\.(\d+)\.", r"teacher_feature_blocks_\1.0."),
    (r"^forward_dynamics\.(\d+)\.blocks\.", r"forward_predictor_\1."),
    (r"^forward_dynamics\.(\d+)\.gates\.(\d+)\.0\.", r"gating_mlps_\1.\2.norm_layer."),
    (r"^forward_dynamics\.(\d+)\.gates\.(\d+)\.1\.", r"gating_mlps_\1.\2.mlp.fc1."),
    (r"^forward_dynamics\.(\d+)\.gates\.(\d+)\.3\.", r"gating_mlps_\1.\2.mlp.fc2."),
    (r"\.cross_attn\.query\.", ".cross_attn.projq."),
)
# `DinoHead` -> name below dino_head.
HEAD_NAMES = {
    **{f"mlp.{i}.{kind}": f"mlp.{i}.{kind}" for i in (0, 2, 4) for kind in ("weight", "bias")},
    "prototypes.weight": "last_layer.weight_v",
    "lengths": "last_layer.weight_g",
}


def as_published(part: str, name: str) -> str:
    """The name in `part` as the published checkpoints have it, whatever wrappers the model was saved in.

    There may be none or several, in any order, around the part or around modules inside it.
    """
    outer = PREFIXES[part].removesuffix("backbone.")
    return outer + ".".join(piece for piece in name.split(".") if piece not in WRAPPERS)


def published_names(name: str) -> tuple[str, tuple[str, ...]]:
    """Part of the checkpoint that holds the tensor `name` of `Midway`, and its name there.

    Several names: tensors that are joined along the first axis.
    """
    part, _, rest = name.partition(".")
    if part not in ("student", "teacher"):
        part, rest = "motion_loss", name
    for pattern, replacement in RULES:
        rest = re.sub(pattern, replacement, rest)
    both = (rest.replace(".key_value.", ".projk."), rest.replace(".key_value.", ".projv."))
    return part, tuple(PREFIXES[part] + one for one in dict.fromkeys(both))
