"""A real Slurm on this machine: two nodes of eight nominal cores and four nominal GPUs, loopback only."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes.waiting import wait_until
from tests.support.surroundings.ports import free_ports

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "srun", "sinfo")

#: Debian's folders of daemons, which may be missing in a user's PATH.
DAEMONS = "/usr/sbin:/sbin"

# TensorFlow's workers must be reachable; 127.0.1.K is, without an entry in /etc/hosts.
CONF = """\
ClusterName=cloudmask
SlurmctldHost={host}({address})
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=10
MaxArraySize=11
GresTypes=gpu
NodeName=DEFAULT CPUs=8 RealMemory=4096 Gres=gpu:v100:4
NodeName=127.0.1.[1-2] NodeHostname={host} NodeAddr={address} Port=[{one},{other}]
PartitionName=main Nodes=ALL Default=YES DefaultTime=10 MaxTime=INFINITE
"""


def find_programs() -> str | None:
    """Return why Slurm cannot run here, or None if all its programs are installed."""
    missing = _missing()
    return f"no {', '.join(missing)}: apt-get install {' '.join(PACKAGES)}" if missing else None


def _missing() -> list[str]:
    return [name for name in PROGRAMS if not _which(name)]


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:{DAEMONS}")


@contextlib.contextmanager
def slurm() -> Iterator[dict[str, str]]:
    """Run Slurm; yield the variables with which its commands find it."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # short, as a socket's path must be
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: object) -> None:
        with (folder / f"{name}-{len(processes)}.log").open("wb") as log:
            command = [str(_which(name)), *map(str, arguments)]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))

    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    try:
        _write_settings(folder)
        start(
            "munged",
            *("--foreground", "--force", f"--key-file={folder}/key", f"--socket={folder}/munge.socket"),
            *(f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/seed", f"--log-file={folder}/log"),
        )
        wait_until((folder / "munge.socket").exists, instead=lambda: _logs(folder))
        start("slurmctld", "-D", "-f", folder / "slurm.conf")
        for node in (1, 2):
            start("slurmd", "-D", "-f", folder / "slurm.conf", "-N", f"127.0.1.{node}")
        wait_until(lambda: _idle_nodes(environment) == 2, instead=lambda: _logs(folder))
        yield {"SLURM_CONF": environment["SLURM_CONF"]}
    finally:
        cancel = ["scancel", f"--user={getpass.getuser()}"]
        subprocess.run(cancel, env=environment, timeout=30, capture_output=True, check=False)
        with contextlib.suppress(pytest.fail.Exception):  # remaining jobs end with their node
            wait_until(lambda: not _jobs(environment), seconds=15)
        for process in reversed(processes):
            process.terminate()
            process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _write_settings(folder: Path) -> None:
    host = socket.gethostname()
    ports = free_ports(3)
    text = CONF.format(
        folder=folder,
        host=host,
        address=socket.gethostbyname(host),
        user=getpass.getuser(),
        port=ports[0],
        one=ports[1],
        other=ports[2],
    )
    (folder / "slurm.conf").write_text(text)
    (folder / "state").mkdir()
    for gpu in range(4):
        (folder / f"gpu{gpu}").symlink_to("/dev/null")  # must be a device
    (folder / "gres.conf").write_text(f"Name=gpu Type=v100 File={folder}/gpu[0-3]\n")
    key = folder / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)


def _idle_nodes(environment: dict[str, str]) -> int:
    command = ["sinfo", "--noheader", "--Node", "--format=%t"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.split().count("idle")


def _jobs(environment: dict[str, str]) -> str:
    command = ["squeue", "--noheader"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()


def _logs(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log"))
