"""Why jobs would run, in words: on a finished tiny run, and on the text in which Snakemake says it."""

import subprocess
from dataclasses import replace

import pytest
from rerun_files import flip
from test_reruns import copy_repository

from lamo.tools.dry_run import Job
from lamo.tools.explain import _named, explain
from lamo.tools.values import changed_values, parse_change

REASON = "Params have changed since last execution: Union of exclusive params before and now across all output: "


def explained(workflow, *config: str, succeeds: bool = True) -> list[str]:
    """The lines of the explanation."""
    command = workflow.command(config=config)
    place = command.index("snakemake")
    command[place : place + 1] = ["lamo", "explain"]
    done = subprocess.run(command, cwd=workflow.root, text=True, capture_output=True, check=False)
    assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
    return [line.strip() for line in (done.stdout if succeeds else done.stderr).splitlines() if line]


@pytest.fixture
def copy(tiny, tmp_path):
    return tiny.copied(tmp_path / "run")


def test_jobs_of_a_rule_are_named_in_the_order_of_their_numbers():
    samplers = ("flow-20", "flow-5", "flow-50")
    jobs = [Job("rollouts_predict", {"predictor": "flow", "sampler": name}, (), (), None, "") for name in samplers]
    assert _named(jobs) == "rollouts_predict flow flow-5, flow flow-20, flow flow-50"


def test_jobs_of_stages_that_are_shared_are_counted_by_run():
    logs = ("results/mine/logs/05_a/b.log", "results/base/logs/01_frames/a.log", "results/mine/logs/05_a/c.log")
    jobs = [Job("rule", {}, (), (f"{log}.out",), log, "Forced execution") for log in logs]
    first = explain(jobs, "nowhere").splitlines()[0]
    assert first == "3 jobs would run: 1 of them in results/base, 2 of them in results/mine. First causes:"
    assert explain(jobs[1:2], "nowhere").startswith("1 jobs would run. First causes:")


def test_nothing_to_do(tiny):
    assert explained(tiny) == ["Nothing would run: code, config values and inputs are those of the finished jobs."]


def test_a_config_value_is_named_with_what_it_was_and_what_follows(copy):
    lines = explained(
        copy, "predictors={entries: {flow: {training: {learning_rate: 0.01}}}}", "metrics={probe: {windows: 3}}"
    )
    assert lines[0] == "14 jobs would run. First causes:"
    name = "config value predictor.settings.training.learning_rate"
    assert f"predictors_train flow seed 0: {name} was 0.001, is 0.01" in lines
    assert "metrics_token_groups: config value groups.windows was 4, is 3" in lines
    follows = lines[lines.index("What follows from them:") :]
    rolled = "rollouts_predict flow seed 0 flow-2, flow seed 0 flow-4"
    assert f"{rolled}: because predictors_train flow seed 0 will run again" in follows
    assert "metrics_table: because metrics_summary will run again" in follows
    assert len(lines) == 3 + len(follows)


def test_the_module_that_changed_is_named_where_there_is_a_record(copy, tmp_path):
    (copy.results / "provenance/05_predictors/predictors_train.state.seed0.json").unlink()
    changed = replace(copy, root=copy_repository(tmp_path / "repository"))
    with (changed.root / "lamo/predictors/flow/head.py").open("a") as file:
        file.write("\n_NEW_LINE = 1\n")
    lines = explained(changed)
    assert "predictors_train flow seed 0: code changed: lamo/predictors/flow/head.py" in lines
    unknown = "code changed (which module is not known: the finished job left no record)"
    assert f"predictors_train state seed 0: {unknown}" in lines
    assert not any(line.startswith("predictors_train gmm") for line in lines)


def test_changed_and_missing_files_are_named(copy):
    flip("05_predictors/gmm/seed0/model.safetensors")(copy.results)
    (copy.results / "07_metrics" / "probe.csv").unlink()
    lines = explained(copy)
    model = "results/tiny/05_predictors/gmm/seed0/model.safetensors"
    assert f"rollouts_predict gmm seed 0 gmm: content of an input changed: {model}" in lines
    assert "metrics_probe: incomplete, output is missing: results/tiny/07_metrics/probe.csv" in lines


def test_a_run_that_never_was(new_workflow):
    lines = explained(new_workflow())
    assert any(line.startswith("world_render train: never run, output is missing: results/tiny/01_") for line in lines)


def test_what_snakemake_refuses_is_said_in_one_line(tiny):
    (line,) = explained(tiny, "nonsense=3", succeeds=False)
    assert "config: unknown key nonsense (found 3)" in line


def test_values_before_and_now_are_read_from_the_text_of_snakemake():
    assert parse_change(f"{REASON}before: 1,{{'a': (2, 'x now: y')}} now: 3.5 ; more") == (
        [1, {"a": (2, "x now: y")}],
        [3.5],
    )
    assert parse_change(f"{REASON}before: 'a' now: <nothing exclusive> ") == (["a"], [])
    assert parse_change(f"{REASON}before: <Frame> now: 1 ") == ([], [])


def test_values_are_matched_by_their_keys_and_hashes_are_left_out():
    before = [{"steps": 1, "depth": {"a": [1, 2]}}, {"width": 3}, 5.0, "0123456789abcdef"]
    now = [{"width": 4}, {"steps": 1, "depth": {"a": [1, 3]}}, 6, "fedcba9876543210"]
    assert changed_values(before, now, {"rate_hz": 5.0, "decoder": before[0]}) == [
        "config value decoder.depth.a was [1, 2], is [1, 3]",
        "config value width was 3, is 4",
        "config value rate_hz was 5.0, is 6",
    ]
    assert changed_values([1], [], {}) == ["a config value was 1, is not there"]
    assert changed_values([], [1], {}) == ["a value is new: 1"]
