"""The tiny workflow through a real SLURM, with the profile that sites use."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

# Results depend on the number of threads in the last bits, so it is the same here and in the local run.
from workflow.conftest import ONE_THREAD, ROOT

LOCAL_RULES = {"all", "frames_find", "frames_collect", "frames_sheet", "metrics_table", "metrics_figures"}
GPU_RULES = {
    "midway_train",
    "latents_encode",
    "decoder_train",
    "predictors_train",
    "rollouts_predict",
    "rollouts_controls",
    "metrics_token_groups",
}
LIMIT_S = 900
TABLES = ("table.csv", "table.md", "table.tex")


def command(directory: Path, *arguments: str, snakefile: Path = ROOT / "Snakefile") -> list[str]:
    return [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(directory), *arguments]


def tiny(directory: Path) -> list[str]:
    """The tiny run in a directory of its own, with one thread per job."""
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / "config").exists():
        (directory / "config").symlink_to(ROOT / "config")
    return ["--configfile", str(ROOT / "config" / "tiny.yaml"), "--set-threads", *ONE_THREAD]


def on_cluster() -> list[str]:
    """The site's profile as it stands; only the waiting is shorter."""
    waits = ["--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "10"]
    return ["--workflow-profile", str(ROOT / "workflow" / "profiles" / "slurm"), *waits]


def run(arguments: list[str], environment: dict[str, str]) -> str:
    """Output of Snakemake, which has to succeed in time; errors are shown."""
    process = start(arguments, environment)
    try:
        output = process.communicate(timeout=LIMIT_S)[0]
    except subprocess.TimeoutExpired:
        process.kill()  # on SIGTERM Snakemake would wait for its jobs
        output = process.communicate()[0]
    assert process.returncode == 0, output[-6000:]
    return output


def start(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen:
    environment = {**environment, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(arguments, cwd=ROOT, env=environment, text=True, **pipes)


def rule_of(job: dict[str, str]) -> str:
    return re.match(r"rule_(.*?)(_wildcards_.*)?$", job["Comment"])[1]


def gpus_of(job: dict[str, str]) -> int:
    """GPUs that SLURM was asked for, as `gres:gpu:a100:1`."""
    asked = re.fullmatch(r"gres:gpu(?::[a-z]\w*)?:(\d+)", job.get("TresPerJob", "gres:gpu:0"))
    return int(asked[1])


def job_table(jobs: list[dict[str, str]]) -> str:
    rows = [("rule", "job", "node", "GPUs", "CPUs", "memory", "state")]
    for job in jobs:
        number = job["JobId"] if "ArrayJobId" not in job else f"{job['ArrayJobId']}_{job['ArrayTaskId']}"
        row = (rule_of(job), number, job["NodeList"], str(gpus_of(job)), job["NumCPUs"], job["MinMemoryNode"])
        rows.append((*row, job["JobState"]))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def jobs_since(cluster, first: int) -> list[dict[str, str]]:
    return cluster.jobs()[first:]


def tables(directory: Path) -> list[bytes]:
    return [(directory / "results" / "tiny" / "07_metrics" / name).read_bytes() for name in TABLES]


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> Path:
    """The same run without SLURM."""
    directory = tmp_path_factory.mktemp("local") / "run"
    run(command(directory, *tiny(directory), "--cores", "2"), dict(os.environ))
    return directory


@pytest.fixture(scope="module")
def finished(cluster, tmp_path_factory):
    """The finished run through SLURM and its jobs."""
    first, directory = len(cluster.jobs()), tmp_path_factory.mktemp("slurm") / "run"
    run(command(directory, *tiny(directory), *on_cluster()), cluster.environment)
    return directory, jobs_since(cluster, first)


def test_same_tables_as_a_local_run(finished, local):
    assert tables(finished[0]) == tables(local)


def test_jobs_ask_for_what_their_rules_declare(finished, capsys):
    _, jobs = finished
    with capsys.disabled():
        print(f"\n{job_table(jobs)}")
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    rules = Counter(rule_of(job) for job in jobs)
    assert set(rules) >= GPU_RULES
    assert not LOCAL_RULES & set(rules), "light rules run where Snakemake runs"
    for job in jobs:
        on_gpu = rule_of(job) in GPU_RULES
        assert gpus_of(job) == int(on_gpu), job
        assert job["Partition"] == ("gpu" if on_gpu else "cpu"), job


def test_short_jobs_are_sent_as_arrays(finished):
    arrays = {rule_of(job) for job in finished[1] if "ArrayJobId" in job}
    assert {"frames_decode", "latents_encode"} <= arrays


RETRIED = """
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
    (tmp_path / "Snakefile").write_text(RETRIED)
    first = len(cluster.jobs())
    run(command(tmp_path, *on_cluster(), snakefile=tmp_path / "Snakefile"), cluster.environment)
    jobs = jobs_since(cluster, first)
    assert [job["JobState"] for job in jobs] == ["FAILED", "COMPLETED"]
    assert [job["MinMemoryNode"] for job in jobs] == ["100M", "200M"]
    assert [job["TimeLimit"] for job in jobs] == ["00:05:00", "00:10:00"]


def test_killed_main_process_goes_on_to_the_same_tables(cluster, local, tmp_path):
    directory = tmp_path / "run"
    arguments = command(directory, *tiny(directory), *on_cluster())
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
    run(arguments, cluster.environment)
    assert tables(directory) == tables(local)
