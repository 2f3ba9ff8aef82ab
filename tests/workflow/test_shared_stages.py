"""Runs over the stages of the finished tiny run: what they compute, and that they leave that run as it is."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rerun_files import flip
from rerun_jobs import CONTROLS, CURVES, ENCODED, FEATURES, FRAMES_SHEET, MIDWAY, SHOWN
from safetensors.torch import load_file
from workflow.conftest import Workflow

import lamo
from lamo.model.bundle import read_facts
from lamo.rollout.autoregressive import window_generator
from lamo.stores.rollouts import read_rollouts
from lamo.tools.verify import Verification, report

STAGES = "frames, midway, latents, decoder, features"
ENTRY = "{kind: flow, samplers: [2], width: 16, blocks: 1, training: {steps: 4, batch: 4}%s}"
TRAINED = "{of: with, sampler: 2, horizon_s: 0.4, steps: 2, batch: 2, learning_rate: 0.1, warmup_steps: 0}"
TOGETHER = f"together: {{kind: flow, samplers: [2], end_to_end: {TRAINED}}}"
VARIANTS = (
    "run=variants",
    f"share={{run: tiny, stages: [{STAGES}]}}",
    "predictors={entries: {flow: null, gmm: null, state: null, "
    f"with: {ENTRY % ''}, without: {ENTRY % ', guess: none'}, {TOGETHER}}}}}",
    "metrics={comparisons: [without-2 over with-2]}",
)


def content(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refusal(workflow: Workflow, *config: str) -> str:
    """The one line with which a run is refused."""
    output = workflow.run("--dry-run", config=config, succeeds=False)
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if line.startswith("config:")]
    return line


@pytest.fixture(scope="module")
def variants(tiny, tmp_path_factory):
    """A finished run of two entries over a copy of the tiny run, and what that copy held before."""
    workflow = tiny.copied(tmp_path_factory.mktemp("shared") / "run")
    before = content(workflow.results)
    workflow.run(config=VARIANTS)
    return workflow, before


def test_only_what_differs_is_computed_and_the_base_run_stays_as_it_is(variants):
    workflow, before = variants
    run = workflow.results.with_name("variants")
    logs = {path.relative_to(run / "logs").with_suffix("").as_posix() for path in (run / "logs").rglob("*.log")}
    assert {name for name in logs if not name.startswith("07_metrics/")} == {
        "05_predictors/predictors_train.with.seed0",
        "05_predictors/predictors_train.without.seed0",
        "05_predictors/predictors_train_end_to_end.together.seed0",
        "05_predictors/predictors_matched",
        "06_rollouts/rollouts_predict.with.seed0.with-2",
        "06_rollouts/rollouts_predict.without.seed0.without-2",
        "06_rollouts/rollouts_predict.together.seed0.together-2",
        "06_rollouts/rollouts_controls",
        "06_rollouts/rollouts_ideal",
        "08_model/model_bundle",
    }
    assert "07_metrics/metrics_table" in logs
    assert "07_metrics/metrics_features" not in logs
    assert content(workflow.results) == before
    table = pd.read_csv(run / "07_metrics" / "table.csv")
    assert {"with-2", "without-2", "together-2"} <= set(table["sampler"])
    compared = pd.read_csv(run / "07_metrics" / "comparisons.csv")
    assert set(zip(compared["first"], compared["second"], strict=True)) == {("without-2", "with-2")}
    assert "Nothing to be done" in workflow.run(config=VARIANTS)


def test_a_predictor_takes_the_dynamics_along_that_were_trained_with_it(variants):
    """Into its rollouts and the model's folder; the network of the run stays as it is."""
    workflow, _ = variants
    run = workflow.results.with_name("variants")
    own = load_file(run / "05_predictors" / "together" / "seed0" / "midway" / "model.safetensors")
    shared = load_file(workflow.results / "02_midway" / "model.safetensors")
    moved = {name for name, value in own.items() if not torch.equal(value, shared[name])}
    assert moved
    assert all(name.startswith(("forward_dynamics.", "motion_proj.")) for name in moved)
    assert read_facts(run / "model").together == ("together",)
    # The rollouts of the table are those of the model in the folder, and not those of its predictor in the run's f_fwd.
    stored, seen = (
        read_rollouts(folder.with_suffix(".zarr"), folder.with_suffix(".manifest.json"))
        for folder in (run / "06_rollouts" / "together" / "seed0" / "together-2", run / "06_rollouts" / "context")
    )
    model = lamo.load(run, predictor="together", device="cpu")
    dynamics = replace(model.models, dynamics=model.models.dynamics.frozen)
    plain = lamo.WorldModel(model.folder, model.facts, dynamics, model.predictor, model.sampler)
    drawn = [
        one.rollout(seen.frames[0, 0], 1.0, 1, [window_generator(0, stored.windows[0], 0)]).frames[0].astype(int)
        for one in (model, plain)
    ]
    apart = [np.abs(frames - stored.frames[0, 0]).max() for frames in drawn]
    assert apart[0] <= 1 < apart[1]


def test_the_cost_of_training_together_is_not_taken_for_that_of_the_predictor_alone(variants):
    workflow, _ = variants
    folder = workflow.results.with_name("variants") / "05_predictors"
    matched = pd.read_csv(folder / "matched.csv").set_index("predictor")
    for column in ("training_samples", "training_flops", "training_s"):
        assert matched[column].isna().to_dict() == {"with": False, "without": False, "together": True}
    text = (folder / "matched.md").read_text(encoding="utf-8")
    assert "trained further, together with the forward dynamics." in text


def test_verify_follows_the_shared_stages_into_the_base_run(variants):
    workflow, _ = variants
    run = workflow.results.with_name("variants")
    text, agrees = report(Verification(run))
    assert agrees, text
    assert "../tiny/02_midway/model.safetensors" in text
    assert "../tiny/05_predictors" not in text
    assert not any(".." in finding.path for finding in Verification(workflow.results).findings())


def test_verify_tells_what_descends_from_a_shared_file_that_was_changed(variants, tmp_path):
    workflow, _ = variants
    copy = workflow.copied(tmp_path / "run")
    weights = copy.results / "02_midway" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    found = {one.path: one.kind for one in Verification(copy.results.with_name("variants"), quick=True).findings()}
    assert found["../tiny/02_midway/model.safetensors"] == "its content was changed after it was made"
    assert found["07_metrics/table.md"] == "downstream of"


def test_a_change_of_a_shared_stage_is_refused(tiny):
    line = refusal(tiny, *VARIANTS, "frames={fit: stretch}")
    assert "frames is that of the run tiny, but frames.fit is 'stretch' here and 'crop' there" in line
    assert "seed is 1 here and 0 there" in refusal(tiny, *VARIANTS, "seed=1")


def test_a_base_run_that_is_not_there_is_refused(new_workflow):
    assert "share.run: found tiny, but there is no results/tiny/config.json" in refusal(new_workflow(), *VARIANTS)


def test_a_stage_is_shared_with_all_that_it_reads(tiny):
    line = refusal(tiny, "run=variants", "share={run: tiny, stages: [midway]}")
    assert "share.stages: found midway without frames, which it reads" in line


def test_another_midway_network_shares_the_frames_only(tiny):
    jobs = tiny.jobs("run=another", "share={run: tiny, stages: [frames]}", "midway={training: {motion_noise: 0.5}}")
    assert jobs == MIDWAY | FEATURES


def test_other_latents_share_frames_and_midway(tiny):
    jobs = tiny.jobs("run=other", "share={run: tiny, stages: [frames, midway, features]}", "latents={levels: [0, 1]}")
    assert jobs == ENCODED


def test_longer_rollouts_share_the_predictors(tiny):
    share = f"share={{run: tiny, stages: [{STAGES}, predictors]}}"
    jobs = tiny.jobs("run=longer", share, "rollouts={samples: 3}")
    trained = {job for job in jobs if job.startswith("training")}
    assert not trained
    assert jobs >= CONTROLS | SHOWN | CURVES
    assert not FRAMES_SHEET & jobs


def test_every_training_begins_with_what_another_run_has_learnt(variants):
    workflow, _ = variants
    tiny, fine = workflow.results, workflow.results.with_name("fine")
    hardly = "training: {steps: 1, warmup_steps: 0, learning_rate: 1.0e-9, final_learning_rate: 1.0e-9, start"
    workflow.run(
        config=(
            "run=fine",
            "share={run: tiny, stages: [frames]}",
            f"midway={{{hardly}: {tiny}/02_midway}}}}",
            f"latents={{statistics: {tiny}/03_latents/statistics.safetensors}}",
            f"decoder={{{hardly}: {tiny}/04_decoder}}}}",
            f"predictors={{entries: {{flow: {{{hardly}: {tiny}/05_predictors/flow/seed0}}}}}}}}",
        ),
        targets=("../fine/04_decoder/model.safetensors", "../fine/05_predictors/flow/seed0/model.safetensors"),
    )
    for model in ("04_decoder", "05_predictors/flow/seed0"):
        given, learnt = (load_file(run / model / "model.safetensors") for run in (tiny, fine))
        for name, value in learnt.items():
            torch.testing.assert_close(value, given[name], atol=1e-6, rtol=0.0, msg=f"{model}: {name}")


def test_a_shared_stage_that_is_out_of_date_is_not_made_again_from_another_run(variants, tmp_path):
    workflow, _ = variants
    copy = workflow.copied(tmp_path / "run")
    flip("02_midway/model.safetensors")(copy.results)
    before = content(copy.results)
    output = copy.run(config=VARIANTS, succeeds=False)
    (line,) = [line for line in output.splitlines() if line.startswith("share.run:")]
    assert (
        "the stages of tiny are out of date and this run would make them again (decoder_train, latents_encode" in line
    )
    assert line.endswith("start the run tiny itself first")
    assert content(copy.results) == before
