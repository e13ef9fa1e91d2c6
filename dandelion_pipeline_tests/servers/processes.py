"""Start the real programs, wait until they answer, and stop what was started and nothing else."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

MB = 1_000_000

_OURS = ("DANDELION_", "DAGSTER_", "MLFLOW_", "AWS_")


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody accepts connections at a loopback port."""
    with socket.socket() as caller:
        caller.settimeout(5)
        return caller.connect_ex(("127.0.0.1", port)) == 0


def fresh_environment() -> dict[str, str]:
    """The environment of a fresh shell: without what a test set for its own process."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


def resident(pid: int) -> int:
    """Bytes of memory that a process takes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(
    command: Sequence[str],
    *,
    url: str,
    env: Mapping[str, str],
    timeout: float = 60,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that answers at a URL, with ``env`` added to a fresh environment.

    Raises:
        AssertionError: it ended, or did not answer in time; the message holds what it said.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            env={**fresh_environment(), **env},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            if not answers(url, process, timeout):
                output.seek(0)
                said = output.read().decode(errors="replace")
                raise AssertionError(f"{' '.join(command)} does not answer at {url}:\n{said}")
            yield process
        finally:
            stop(process)


def stop(
    process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, timeout: float = 15
) -> int:
    """Ask a process to end, insist if it does not. Returns its exit code."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def signal_family(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Send a signal to a process and to all that descend from it.

    They are halted first: one that starts another at that moment would leave it behind.
    """
    family = _halted([process.pid])
    for pid in family:
        os.kill(pid, how)
    if how != signal.SIGSTOP:
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _halted(family: list[int]) -> list[int]:
    """Halt processes, and then all that descend from them."""
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    found = [child for pid in family for child in _children(pid)]
    new = [child for child in dict.fromkeys(found) if child not in family]
    return _halted([*family, *new]) if new else family


def _children(pid: int) -> list[int]:
    """Those that any of its threads started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def answers(url: str, process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait until a URL answers; False if the process ended or time ran out before."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=5, trust_env=False).is_success:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    return False
