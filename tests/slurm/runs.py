"""Runs of Snakemake through SLURM and without it, and the jobs that they sent."""

import os
import re
import subprocess
import sys
from pathlib import Path

# Results depend on the number of threads in the last bits, so it is the same through SLURM and without it.
from workflow.conftest import ONE_THREAD, ROOT

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


def locally(directory: Path, *arguments: str) -> None:
    """The tiny run without SLURM."""
    run(command(directory, *tiny(directory), "--cores", "2", *arguments), dict(os.environ))


def start(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen:
    environment = {**environment, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(arguments, cwd=ROOT, env=environment, text=True, **pipes)


def rule_of(job: dict[str, str]) -> str:
    return re.match(r"rule_(.*?)(_wildcards_.*)?$", job["Comment"])[1]


def jobs_since(cluster, first: int) -> list[dict[str, str]]:
    return cluster.jobs()[first:]


def tables(directory: Path) -> list[bytes]:
    return [(directory / "results" / "tiny" / "07_metrics" / name).read_bytes() for name in TABLES]
