"""What a case of the matrix of re-runs is, and the jobs of the tiny run, by the messages of their rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Edit = Callable[[str], str]


@dataclass(frozen=True)
class Case:
    """Edits of files of the repository, config values or a change of the results; and the jobs expected then."""

    name: str
    expected: set[str]
    config: tuple[str, ...] = ()
    edits: dict[str, Edit] = field(default_factory=dict)
    change: Callable[[Path], None] | None = None


def configured(value: str, expected: set[str]) -> Case:
    """Another config value."""
    return Case(value, expected, config=(value,))


def line_in(file: str, expected: set[str]) -> Case:
    """A new line of code at the end of a file."""
    return Case(f"a line in {file}", expected, edits={file: lambda text: text + "\n_NEW_LINE = 1\n"})


def edited(name: str, file: str, old: str, new: str, expected: set[str]) -> Case:
    """Other text in a file."""
    return Case(name, expected, edits={file: lambda text: text.replace(old, new)})


def changed(name: str, change: Callable[[Path], None], expected: set[str]) -> Case:
    """Other files in the results."""
    return Case(name, expected, change=change)


# ---- The jobs of the tiny run, from the last to the first ------------------------------------------------------------
BUNDLE = {"the world model as one folder"}
PAGES = {"the tables as pages"}
TABLE = {"the table"} | BUNDLE | PAGES
CURVES = {"curves of metrics and losses"}
COMPARED = {"comparisons on the same windows"} | PAGES
MATCHED = {"what every method was given and what it costs"} | PAGES
SUMMARY = {"means, distances and intervals of all rows", *TABLE, *COMPARED, *CURVES}
SHEET = {"contact sheet and videos of rollouts"}
GROUPS = {"which patches move when a group of motion tokens is swapped"}
PROBE = {"reading the true motion from motion tokens"} | PAGES
MOTION = {"how the camera moved in each clip"} | PROBE
FEATURES = {"training the features that stand in for Inception's"}
FLOW = {f"rollouts of flow, seed 0, sampler flow-{steps}" for steps in (2, 4)}
GMM = {"rollouts of gmm, seed 0, sampler gmm"}
STATE = {"rollouts of state, seed 0, sampler state-2"}
CONTROLS = {"controls and true frames", "other true futures of the same windows"}


def scoring(*rows: str) -> set[str]:
    return {f"scoring {row}" for row in rows}


SCORED = scoring("flow-2", "flow-4", "gmm", "state-2", "controls", "ideal_futures") | SUMMARY
SHOWN = SCORED | SHEET
PREDICTED = FLOW | GMM | STATE
ROLLED = PREDICTED | CONTROLS | SHOWN


def training(*predictors: str) -> set[str]:
    return {f"training predictor {predictor}, seed 0" for predictor in predictors} | MATCHED


TRAINED_FLOW = training("flow") | FLOW | scoring("flow-2", "flow-4") | SUMMARY | SHEET
SCORED_GMM = scoring("gmm") | SUMMARY
ROLLED_GMM = GMM | SCORED_GMM | SHEET
TRAINED_GMM = training("gmm") | ROLLED_GMM
TRAINED_STATE = training("state") | STATE | scoring("state-2") | SUMMARY | SHEET
TRAINED = TRAINED_FLOW | TRAINED_GMM | TRAINED_STATE
DECODER = {"training the pixel decoder"} | ROLLED | GROUPS | MATCHED
STATISTICS = {"statistics of latents and motion tokens"} | TRAINED | ROLLED | GROUPS
SHARDS = {"train shard 0", "train shard 1", "val shard 0"}
ENCODED = {f"latents and motion tokens of {shard}" for shard in SHARDS} | STATISTICS | DECODER | PROBE
MIDWAY = {"training the Midway Network"} | ENCODED
COLLECTED = {"accounting for every video found"} | BUNDLE | PAGES
FRAMES_SHEET = {"contact sheet of decoded frames"}
FRAMES = {f"decoding {shard}" for shard in SHARDS} | COLLECTED | FRAMES_SHEET | MOTION | MIDWAY
FOUND = {"finding the videos"} | FRAMES
RENDERED = {f"rendering the synthetic driving world, {split}" for split in ("train", "val")} | FOUND
EVERYTHING = RENDERED | FEATURES
NOTHING: set[str] = set()
FIGURES = CURVES | GROUPS | PROBE
