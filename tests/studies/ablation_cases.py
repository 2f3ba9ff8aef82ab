"""A small study of ablations on a tiny run, and how its tests read and call it."""

from studies.ablations import __main__ as program
from studies.ablations.settings import read_study
from studies.common import merged, read_yaml

TINY = merged(
    read_yaml(program.ROOT / "config" / "tiny.yaml"),
    {"midway": {"encoder": {"width": 12, "depth": 2, "heads": 1, "levels": [0, 1]}}, "rollouts": {"stride_s": 0.4}},
)
FREE = {"predictors": {"history": 0, "flow": {"anchor": "none"}, "gmm": {"anchor": "none"}}}
HISTORY = {
    "name": "history", "title": "History", "about": "K", "predictor": "flow", "samplers": ["flow-2"],
    "variants": [
        {"name": "k3", "about": "three"},
        {"name": "k4", "about": "four", "over": {"predictors": {"history": 4}}},
        {"name": "k0", "about": "none", "over": FREE},
    ],
}  # fmt: skip
SOLVER = {
    "name": "solver", "title": "Solver", "about": "steps", "predictor": "flow", "samplers": ["flow-2"],
    "variants": [
        {"name": "euler", "about": "two"},
        {"name": "heun", "about": "Heun", "samplers": ["flow-1-heun"]},
    ],
}  # fmt: skip
MIXTURE = {
    "name": "mixture", "title": "Mixture", "about": "M", "predictor": "gmm", "samplers": ["gmm", "gmm-mean"],
    "variants": [{"name": "m2", "about": "two"}],
}  # fmt: skip
LEVELS = {
    "name": "levels", "title": "Levels", "about": "z", "predictor": "flow", "samplers": ["flow-2"],
    "variants": [
        {"name": "fine", "about": "finest"},
        {"name": "both", "about": "both", "over": {"latents": {"levels": [0, 1]}}},
        {"name": "trained", "about": "other network", "over": {"midway": {"training": {"motion_noise": 0.5}}}},
        {"name": "again", "about": "the same", "over": {"midway": {"training": {"motion_noise": 0.5}}}},
    ],
}  # fmt: skip
STUDY = {"seeds": [0, 1], "groups": [HISTORY, SOLVER, MIXTURE]}


def read(file):
    return read_study(file, "tiny", "tiny.yaml")


def call(file, *options):
    return program.main(
        ["--run", "tiny", "--configfile", "tiny.yaml", "--study", str(file), "--threads", "1", *options]
    )
