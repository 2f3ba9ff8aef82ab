"""The body of a rule's script: logs, errors, threads; and the table at the end of a run."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import InputFiles, OutputFiles, Params, Wildcards

from lamo.errors import LamoError
from lamo.jobs.job import job, use_threads
from lamo.jobs.launch import STEP
from lamo.tools.results import show_results


@pytest.fixture
def snakemake(tmp_path):
    return SimpleNamespace(
        log=[str(tmp_path / "logs" / "07_metrics" / "metrics_table.log")],
        rule="metrics_table",
        wildcards=Wildcards(),
        params=Params(fromdict={"code": "0123456789abcdef"}),
        input=InputFiles(),
        output=OutputFiles(),
        threads=1,
        resources={},
        config={},
    )


def logged(snakemake) -> str:
    return Path(snakemake.log[0]).read_text()


def test_messages_go_to_the_log_file_and_to_standard_error(snakemake, capsys):
    with job(snakemake):
        logging.getLogger("lamo.midway").info("step %d", 3)
    assert "INFO lamo.midway: step 3" in logged(snakemake)
    assert capsys.readouterr().err == "step 3\n"
    assert not logging.getLogger("lamo").handlers


def test_bad_input_is_one_line_without_a_traceback(snakemake, capsys):
    with pytest.raises(SystemExit) as caught, job(snakemake):
        raise LamoError("a.parquet: found 3,\n  expected 4")
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error in rule metrics_table: a.parquet: found 3, expected 4\n"
    assert logged(snakemake).count("\n") == 1
    assert "a.parquet: found 3, expected 4" in logged(snakemake)


def test_other_errors_leave_their_traceback_in_the_log(snakemake, capsys):
    with pytest.raises(SystemExit) as caught, job(snakemake):
        raise KeyError("x")
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("unexpected KeyError in rule metrics_table: 'x' (traceback in ")
    assert error.count("\n") == 1
    assert "Traceback (most recent call last)" in logged(snakemake)


def test_log_of_an_earlier_attempt_is_replaced(snakemake):
    for number in (1, 2):
        with job(snakemake):
            logging.getLogger("lamo").info("attempt %d", number)
    assert "attempt 1" not in logged(snakemake)


def in_new_process(snakemake, body: str, **variables: str) -> subprocess.CompletedProcess:
    """A job with this body; the test's own process already handles warnings."""
    code = (
        "import logging, warnings\nfrom types import SimpleNamespace\nfrom lamo.jobs.job import job\n"
        f"job_of = SimpleNamespace(log=[{snakemake.log[0]!r}], rule='metrics_table', wildcards={{}}, resources={{}}, "
        f"params={{'code': ''}}, input={{}}, output={{}}, threads=1, config={{}})\nwith job(job_of):\n    {body}\n"
    )
    environment = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, env=environment, check=False)


def test_warnings_stand_in_the_log_only(snakemake):
    done = in_new_process(snakemake, "warnings.warn('odd')")
    assert (done.returncode, done.stderr) == (0, "")
    assert "odd" in logged(snakemake)


@pytest.mark.parametrize(
    "variables", [{"RANK": "1"}, {STEP: "1", "SLURM_PROCID": "2"}, {"RANK": "1", "SLURM_PROCID": "0"}]
)
def test_other_processes_of_a_job_write_neither_log_nor_record(snakemake, tmp_path, variables):
    done = in_new_process(snakemake, "logging.getLogger('lamo').info('step 3')", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    failed = in_new_process(snakemake, "raise KeyError('x')", **variables)
    assert failed.returncode == 1
    assert "Traceback (most recent call last)" in failed.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("variables", [{"RANK": "0"}, {STEP: "1", "SLURM_PROCID": "0"}])
def test_the_first_of_several_adds_to_the_log_of_the_job_which_writes_the_record(snakemake, tmp_path, variables):
    log, record = Path(snakemake.log[0]), tmp_path / "provenance" / "07_metrics" / "metrics_table.json"
    with job(snakemake):
        logging.getLogger("lamo").info("before")
        assert in_new_process(snakemake, "logging.getLogger('lamo').info('within')", **variables).returncode == 0
        assert not record.exists()
        logging.getLogger("lamo").info("after")
    assert [line.rsplit(" ", 1)[1] for line in log.read_text().splitlines()] == ["before", "within", "after"]
    assert record.exists()


def test_a_job_of_one_process_under_slurm_writes_both(snakemake, tmp_path):
    assert in_new_process(snakemake, "pass", SLURM_PROCID="0").returncode == 0
    assert Path(snakemake.log[0]).exists()
    assert (tmp_path / "provenance" / "07_metrics" / "metrics_table.json").exists()


def test_plumbing_does_not_load_torch():
    code = "import lamo.jobs.job, lamo.jobs.lock, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_threads_reach_torch():
    import torch

    before = torch.get_num_threads()
    use_threads(1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_results_are_shown_once_there_are_any(tmp_path, capsys):
    show_results(tmp_path)
    assert capsys.readouterr().out == ""
    (tmp_path / "07_metrics").mkdir()
    (tmp_path / "07_metrics" / "table.txt").write_text("the table")
    (tmp_path / "07_metrics" / "table.csv").write_text("")
    show_results(tmp_path)
    shown = capsys.readouterr().out
    assert shown.startswith("the table\n")
    assert f"{tmp_path}/07_metrics/table.csv" in shown
    assert "contact_sheet" not in shown
