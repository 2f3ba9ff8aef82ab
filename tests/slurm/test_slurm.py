"""The tiny workflow through a real SLURM, with the profile that sites use."""

import re
import sys
from collections import Counter

import pytest
from runs import command, jobs_since, on_cluster, rule_of, run, tables, tiny

LOCAL_RULES = {
    "all",
    "frames_find",
    "frames_collect",
    "frames_sheet",
    "metrics_table",
    "metrics_comparisons",
    "metrics_figures",
    "metrics_pages",
    "model_bundle",
}
GPU_RULES = {
    "midway_train",
    "latents_encode",
    "decoder_train",
    "predictors_train",
    "rollouts_predict",
    "rollouts_controls",
    "metrics_score",
    "metrics_summary",
    "metrics_token_groups",
}


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
        print(f"\n{job_table(jobs)}", file=sys.stderr)  # the output of a process of pytest-xdist is not shown
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
