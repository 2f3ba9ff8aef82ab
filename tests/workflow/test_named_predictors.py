"""Predictors of a run's own: two variants of a kind, and a kind from outside of the repository, up to the table."""

import csv
import json
import os

KIND = '''"""A kind of a user's own: the last motion tokens, scaled."""

import torch
from pydantic import Field

from lamo.predictors.config import KindConfig
from lamo.predictors.interface import Predictor
from lamo.predictors.kinds import Kind
from lamo.predictors.randomness import normal
from lamo.predictors.sampler import PLAIN, Sampler


class ScaledConfig(KindConfig):
    """One factor for all tokens."""

    start: float = Field(0.5, description="factor before training")


class Scaled(Predictor):
    """The factor is learned; samples have noise."""

    predicts = "motion"

    def __init__(self, geometry, settings):
        super().__init__(geometry)
        self.factor = torch.nn.Parameter(torch.tensor(settings.start))

    def loss(self, context, target, generator):
        return (self.factor * context.motion[:, -1] - target).square().mean()

    def sample(self, context, sampler, generator):
        last = context.motion[:, -1]
        return self.factor * last + 0.1 * normal(tuple(last.shape), generator, last)


def parse(name):
    return Sampler(name=name) if name == PLAIN else None


KIND = Kind(
    name="scaled",
    predicts="motion",
    config=ScaledConfig,
    build=lambda geometry, backbone, settings: Scaled(geometry, settings),
    sampler=parse,
    samplers="sample",
    validated_by="sample",
)
'''
ENTRIES = (
    "predictors={entries: {state: null, flow: {samplers: [2]}, "
    "flow-k1: {kind: flow, history: 1, samplers: [2, guess], width: 16, blocks: 1, backbone: {width: 24}, "
    "training: {steps: 4, batch: 4}}, "
    "mine: {kind: 'my_heads.scaled:KIND', samplers: [sample], start: 0.9, training: {steps: 4, batch: 4}}}}"
)
ROWS = ["flow-2", "gmm", "flow-k1-2", "flow-k1-guess", "mine"]


def test_variants_and_a_kind_from_outside_end_in_a_table(new_workflow, tmp_path, monkeypatch):
    module = tmp_path / "heads" / "my_heads" / "scaled.py"
    module.parent.mkdir(parents=True)
    (module.parent / "__init__.py").touch()
    module.write_text(KIND)
    paths = [str(tmp_path / "heads"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    workflow = new_workflow(ENTRIES, "metrics={comparisons: [mine over flow-k1-2, learned over constant_motion]}")
    workflow.run()
    with (workflow.results / "07_metrics" / "table.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    learned = {row["sampler"]: row["method"] for row in rows if row["sampler"] != "-"}
    assert list(learned) == ROWS
    assert learned["flow-k1-2"] == learned["flow-k1-guess"] == "flow-k1"
    saved = json.loads((workflow.results / "05_predictors/flow-k1/seed0/config.json").read_text())
    assert (saved["predictor"]["kind"], saved["predictor"]["history"], saved["geometry"]["history"]) == ("flow", 1, 1)
    assert saved["predictor"]["backbone"] == {"depth": 1, "width": 24, "heads": 2}
    costs = (workflow.results / "05_predictors/matched.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in costs[1:]] == ["flow-2", "gmm", "flow-k1-2", "mine"]
    compared = (workflow.results / "07_metrics/comparisons.csv").read_text()
    assert "mine" in compared
    # An edit of the user's own module trains the predictor of that kind again, and no other.
    module.write_text(KIND.replace("0.1 * normal", "0.2 * normal"))
    trained = {job for job in workflow.jobs() if job.startswith(("training predictor", "rollouts of"))}
    assert trained == {"training predictor mine, seed 0", "rollouts of mine, seed 0, sampler mine"}
