"""What Snakemake makes of jobs that failed, and of its own end, when SLURM runs the jobs."""

import os
import signal
import time

from runs import LIMIT_S, command, jobs_since, on_cluster, run, start, tables, tiny

FAILS_ONCE = """
rule retried:
    output:
        "done",
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 100 * attempt,
        runtime=lambda wildcards, attempt: 5 * attempt,
    shell:
        "test -e failed || {{ touch failed; exit 1; }}; touch {output}"
"""


def test_failed_job_is_retried_with_more_memory_and_time(cluster, tmp_path):
    (tmp_path / "Snakefile").write_text(FAILS_ONCE)
    first = len(cluster.jobs())
    run(command(tmp_path, *on_cluster(), snakefile=tmp_path / "Snakefile"), cluster.environment)
    jobs = jobs_since(cluster, first)
    assert [job["JobState"] for job in jobs] == ["FAILED", "COMPLETED"]
    assert [job["MinMemoryNode"] for job in jobs] == ["100M", "200M"]
    assert [job["TimeLimit"] for job in jobs] == ["00:05:00", "00:10:00"]


def test_killed_main_process_goes_on_to_the_same_tables(cluster, local, tmp_path):
    directory = tmp_path / "run"
    arguments = command(directory, *tiny(directory), *on_cluster())
    first = len(cluster.jobs())
    process = start(arguments, cluster.environment)
    sign = directory / "results" / "tiny" / "logs" / "02_midway" / "midway_train.log"
    end = time.monotonic() + LIMIT_S
    while not sign.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    alive = process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    output = process.communicate()[0]
    assert alive, output[-4000:]
    assert sign.exists(), output[-4000:]
    # A start is refused as long as a job that has outlived its Snakemake is at work.
    while any(job["JobState"] in ("PENDING", "RUNNING", "COMPLETING") for job in jobs_since(cluster, first)):
        assert time.monotonic() < end
        time.sleep(0.5)
    run(arguments, cluster.environment)
    assert tables(directory) == tables(local)
