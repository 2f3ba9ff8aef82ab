"""What Snakemake is told of finished jobs from the records, where its own memory of them is lost."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import snakemake.api  # which loads snakemake.workflow; that one cannot be loaded first
from rerun_files import flip
from rerun_jobs import COMPARED, MATCHED, PROBE, ROLLED_GMM, TABLE, TRAINED_GMM
from rerun_lost import forget, older, then
from snakemake.persistence import RECORD_FORMAT_VERSION, MetadataRecord, PersistenceBase
from workflow.conftest import Workflow

from lamo.tools.persistence import PersistenceOfRuns, install
from lamo.tools.verify import CHANGED, Verification

engine = snakemake.workflow
# What Snakemake compares to find out what is up to date.
REMEMBERED = ("rule", "input", "params", "input_checksums", "log", "record_format_version", "incomplete")


@pytest.fixture
def copy(tiny, tmp_path):
    return tiny.copied(tmp_path / "run")


def remembered(workflow: Workflow) -> dict[str, dict]:
    """What Snakemake has kept, by the names of its files."""
    folder = workflow.directory / ".snakemake" / "metadata"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): json.loads(path.read_text()) for path in files}


def explained(workflow: Workflow, *config: str) -> list[str]:
    command = workflow.command(config=config)
    place = command.index("snakemake")
    command[place : place + 1] = ["lamo", "explain"]
    done = subprocess.run(command, cwd=workflow.root, text=True, capture_output=True, check=True)
    return [line.strip() for line in done.stdout.splitlines() if line]


def test_the_records_say_what_snakemake_itself_had_kept(tiny, copy):
    forget(copy.results)
    assert "Nothing to be done" in copy.run("--dry-run")
    before, after = remembered(tiny), remembered(copy)
    assert after.keys() == before.keys()
    for name, kept in before.items():
        assert {key: after[name][key] for key in REMEMBERED} == {key: kept[key] for key in REMEMBERED}
        assert after[name]["endtime"] == kept["endtime"]
        assert abs(after[name]["starttime"] - kept["starttime"]) < 60


def test_what_an_older_snakemake_remembered_is_taken_from_the_records(copy):
    folder = copy.directory / ".snakemake" / "metadata"
    for file in (path for path in folder.rglob("*") if path.is_file()):
        file.write_text(json.dumps({**json.loads(file.read_text()), "record_format_version": 5, "params": []}))
    assert copy.jobs() == set()
    assert copy.jobs("predictors={entries: {gmm: {components: 3}}}") == TRAINED_GMM


def test_the_form_in_which_snakemake_remembers_is_the_one_that_is_written():
    assert RECORD_FORMAT_VERSION == 6
    assert set(MetadataRecord.model_fields) == {
        *("rule", "input", "log", "shellcmd", "params", "code", "record_format_version", "conda_env"),
        *("container_img_url", "software_stack_hash", "job_hash", "starttime", "endtime", "incomplete"),
        *("external_jobid", "input_checksums"),
    }


def test_snakemake_takes_its_classes_from_where_they_are_replaced(monkeypatch):
    for name in ("FilePersistence", "DbPersistence"):
        assert issubclass(getattr(engine, name), PersistenceBase)
        monkeypatch.setattr(engine, name, getattr(engine, name))
    for name in ("metadata", "has_metadata", "lock", "lock_warn_only", "_clear_cache", "_write_record", "_get_key"):
        assert hasattr(PersistenceBase, name), name
    install("results/a", None)
    install("results/b", "a")
    mro = engine.FilePersistence.__mro__
    assert [cls.__name__ for cls in mro].count("PersistenceOfRuns") == 1
    assert issubclass(engine.DbPersistence, PersistenceOfRuns)


def test_a_store_of_snakemakes_in_a_database_is_filled_too(copy):
    forget(copy.results)
    database = ("--persistence-backend", "db")
    assert "Nothing to be done" in copy.run("--dry-run", *database)
    assert "training predictor gmm" in copy.run(
        "--dry-run", *database, config=("predictors={entries: {gmm: {components: 3}}}",)
    )


def test_an_output_that_was_changed_runs_again_until_it_is_as_it_was(copy):
    model = copy.results / "05_predictors/gmm/seed0/model.safetensors"
    before = model.read_bytes()
    then(older("05_predictors/gmm/seed0/model.safetensors"), forget)(copy.results)
    for _ in range(2):
        assert copy.jobs() == TRAINED_GMM
    name = "results/tiny/05_predictors/gmm/seed0/model.safetensors"
    lines = explained(copy)
    assert f"predictors_train gmm seed 0: content was changed after it was made: {name}" in lines
    found = {finding.path: finding.kind for finding in Verification(copy.results).findings()}
    assert found["05_predictors/gmm/seed0/model.safetensors"] == CHANGED
    model.write_bytes(before)
    assert copy.jobs() == set()


def test_an_input_that_was_changed_is_named(copy):
    record = copy.results / "provenance/01_frames/world_render.val.json"
    labels = "01_frames/world/labels/val.parquet"
    then(older(labels), forget)(copy.results)
    record.unlink()
    lines = explained(copy)
    assert f"frames_motion: content of an input changed: results/tiny/{labels}" in lines
    assert any(
        line.startswith("It is not known whether") and line.endswith("--forcerun world_render") for line in lines
    )


def test_a_config_value_and_code_are_named_as_if_nothing_had_been_lost(copy):
    values = ("predictors={entries: {flow: {training: {learning_rate: 0.01}}}}", "metrics={probe: {windows: 3}}")
    before = explained(copy, *values)
    forget(copy.results)
    assert explained(copy, *values) == before


def test_what_no_record_describes_is_said_in_one_line(copy):
    forget(copy.results)
    shutil.rmtree(copy.results / "provenance")
    output = copy.run("--dry-run")
    (line,) = [line for line in output.splitlines() if "not known" in line]
    assert "It is not known whether 168 outputs are up to date" in line
    assert "--forcerun decoder_train frames_collect" in line
    lines = explained(copy)
    assert lines[0] == "Nothing would run"
    assert lines[1:] == [line]


def test_a_record_that_cannot_be_read_is_named(copy):
    record = copy.results / "provenance" / "07_metrics" / "metrics_table.json"
    record.write_text("{")
    forget(copy.results)
    lines = explained(copy)
    assert any("metrics_table.json: not valid JSON" in line for line in lines)
    assert any("first of them results/tiny/07_metrics/table" in line for line in lines)


def test_a_run_that_is_renamed_is_known_by_its_new_name(copy):
    other = copy.results.rename(copy.results.with_name("other"))
    # The tables have the name of the run among their parameters.
    named = {*MATCHED, *TABLE, *COMPARED, *PROBE}
    assert copy.jobs("run=other") == named
    flip("05_predictors/gmm/seed0/model.safetensors")(other)
    assert copy.jobs("run=other") == named | ROLLED_GMM


def test_a_copy_in_another_checkout_is_known_there(copy, tmp_path):
    there = tmp_path / "elsewhere"
    (there / "config").mkdir(parents=True)
    shutil.rmtree(there / "config")
    (there / "config").symlink_to(Path(copy.directory / "config").resolve())
    shutil.copytree(copy.results, there / "results" / "tiny", copy_function=shutil.copyfile)
    moved = Workflow(there)
    assert moved.jobs() == set()
    assert moved.jobs("predictors={entries: {gmm: {components: 3}}}") == TRAINED_GMM
