"""A real SLURM on this one machine: munged, slurmctld and two slurmd with pretended GPUs, in a folder of its own.

By hand, as root: `python tests/slurm/cluster.py up FOLDER` prints what to export, `... down FOLDER` ends it.
"""

import argparse
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun")
NODES = ("node1", "node2")
GPUS = 2
"""Pretended GPUs of a node: links to /dev/null, since SLURM sets CUDA_VISIBLE_DEVICES for device files only."""
GPU_TYPE = "a100"
PATIENCE_S = 60

# Nodes claim more processors and memory than the machine may have (config_overrides), so that no job is refused.
# Finished jobs stay readable for an hour. Only the controller's name is looked up, so its address stands beside it.
SLURM_CONF = """
ClusterName=lamo
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobs.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=2,sched_interval=2
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=5
MinJobAge=3600
MaxArraySize=1001
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
GresTypes=gpu
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=ALL MaxTime=INFINITE State=UP
"""
NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=32 RealMemory=256000 "
    "Gres=gpu:{gpu_type}:{gpus} State=UNKNOWN"
)


class ClusterError(Exception):
    """SLURM is not installed, or one of its daemons does not come up."""


@dataclass(frozen=True)
class Cluster:
    """SLURM in `folder`; `environment` is what its clients need."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The calling environment, with the cluster's clients first on the path, and without marks of another job."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        path = os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])
        return {**own, "PATH": path, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def client(self, *command: str) -> str:
        """Standard output of a client such as `squeue`; raises `ClusterError` if it fails."""
        done = subprocess.run(command, env=self.environment, text=True, capture_output=True, check=False)
        if done.returncode:
            raise ClusterError(f"{' '.join(command)}: found exit status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """All jobs that the controller still knows, as `scontrol show job` says it, in the order of submission."""
        lines = self.client("scontrol", "show", "job", "--oneliner").splitlines()
        found = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines if "JobId=" in line]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def start(self) -> None:
        """Bring the daemons up and wait for both nodes; raises `ClusterError`, with nothing left running."""
        missing = [name for name in (*DAEMONS, *CLIENTS) if shutil.which(name) is None]
        if missing:
            packages = "apt-get install --no-install-recommends slurm-wlm munge"
            raise ClusterError(f"SLURM: found no {', '.join(missing)}; install Debian's packages: {packages}")
        if os.geteuid() != 0:
            raise ClusterError(f"SLURM: found user {os.geteuid()}, expected root, who may start jobs; run this as root")
        self._write()
        munge = self.folder / "munge"
        files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{name}={munge / file}" for name, file in files.items()]
        conf = str(self.folder / "slurm.conf")
        try:
            self._launch("munged", "munged", "--foreground", "--force", *options)
            self._wait("munged", lambda: (munge / "socket").exists())
            self._launch("slurmctld", "slurmctld", "-D", "-f", conf)
            self._wait("slurmctld", lambda: self._answers("scontrol", "ping"))
            for name in NODES:
                self._launch(f"slurmd.{name}", "slurmd", "-D", "-N", name, "-f", conf)
            for name in NODES:
                self._wait(
                    f"slurmd.{name}", lambda name=name: "idle" in self._answers("sinfo", "-hn", name, "-o", "%T")
                )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all jobs and daemons and remove the folder."""
        if self._answers("scontrol", "ping"):
            self._answers("scancel", "--quiet", "--full", "--user=root")
            _until(lambda: not self._answers("squeue", "--noheader"), PATIENCE_S)
        for name in (*(f"slurmd.{node}" for node in NODES), "slurmctld", "munged"):
            self._end(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self) -> None:
        """The folder with keys, pretended GPUs and configuration."""
        for name in ("munge", "state", "spool", "gpus", "bin", "logs", "pids"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "munge" / "key").write_bytes(secrets.token_bytes(1024))
        (self.folder / "munge" / "key").chmod(0o600)
        host, ports = socket.gethostname().split(".")[0], _free_ports(1 + len(NODES))
        given = {"host": host, "gpu_type": GPU_TYPE, "gpus": GPUS}
        nodes = [NODE.format(name=name, port=port, **given) for name, port in zip(NODES, ports[1:], strict=True)]
        gres = []
        for name in NODES:
            for gpu in range(GPUS):
                (self.folder / "gpus" / f"{name}-{gpu}").symlink_to("/dev/null")
            files = f"{self.folder}/gpus/{name}-[0-{GPUS - 1}]"
            gres.append(f"NodeName={name} Name=gpu Type={GPU_TYPE} File={files}\n")
        text = SLURM_CONF.format(host=host, ports=ports, folder=self.folder, nodes="\n".join(nodes))
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text("".join(gres))
        # No plugin that is configured needs cgroups, and containers have none that could be written.
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nIgnoreSystemd=yes\n")
        # The plugin drops SLURM_CONF from the environment of a job's steps, as sites have it in /etc.
        for name in CLIENTS:
            script = self.folder / "bin" / name
            script.write_text(
                f'#!/bin/sh\nexport SLURM_CONF="{self.folder}/slurm.conf"\nexec {shutil.which(name)} "$@"\n'
            )
            script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    def _launch(self, name: str, *command: str) -> None:
        with (self.folder / "logs" / name).open("wb") as log:
            # Sessions of their own: a Ctrl-C meant for the tests does not end the daemons before their jobs.
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True
            )
        (self.folder / "pids" / name).write_text(str(process.pid))

    def _answers(self, *command: str) -> str:
        """Standard output of a client, or nothing where it fails."""
        try:
            return self.client(*command)
        except (ClusterError, FileNotFoundError):
            return ""

    def _wait(self, name: str, ready) -> None:
        alive = _until(lambda: ready() or not _runs(self._pid(name)), PATIENCE_S)
        if not (alive and _runs(self._pid(name))):
            log = (self.folder / "logs" / name).read_text(errors="replace").splitlines()[-15:]
            found = f"no answer in {PATIENCE_S} s" if _runs(self._pid(name)) else "that it ended"
            raise ClusterError(
                f"SLURM: {name}: found {found}, expected it to run; the end of its log:\n" + "\n".join(log)
            )

    def _pid(self, name: str) -> int | None:
        file = self.folder / "pids" / name
        return int(file.read_text()) if file.exists() else None

    def _end(self, name: str) -> None:
        pid = self._pid(name)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if pid is not None and _runs(pid):
                os.kill(pid, number)
                _until(lambda: not _runs(pid), 10)


def _runs(pid: int | None) -> bool:
    """Whether a process is alive; collects it if it is a child of this one that has ended."""
    if pid is None:
        return False
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass  # not a child: started by another call of this file
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(condition, seconds: float) -> bool:
    """Whether `condition` became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for made in sockets:
        made.bind(("127.0.0.1", 0))
    ports = [made.getsockname()[1] for made in sockets]
    for made in sockets:
        made.close()
    return ports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["up", "down"])
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    cluster = Cluster(given.folder.resolve())
    try:
        cluster.start() if given.action == "up" else cluster.stop()
    except ClusterError as error:
        sys.exit(str(error))
    if given.action == "up":
        environment = cluster.environment
        print(f"export PATH='{cluster.folder / 'bin'}':$PATH SLURM_CONF='{environment['SLURM_CONF']}'")


if __name__ == "__main__":
    main()
