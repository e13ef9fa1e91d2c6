"""Services that are looked after as compose does it: what ends by itself is started again."""

import os
import pwd
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from dandelion_pipeline_tests.servers.processes import stop

TIMEOUT = 300
LOOK_EVERY_S = 0.3
_OURS = ("DANDELION_", "DAGSTER_", "MLFLOW_", "AWS_", "AIRFLOW_", "PG")
T = TypeVar("T")


@dataclass(frozen=True)
class Service:
    """What is started, and how to tell that it does its work."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    is_ready: Callable[[float], bool]
    """Is told when it was started (seconds since 1970)."""

    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM


@dataclass
class _Running:
    service: Service
    process: "subprocess.Popen[bytes]"
    since: float


class Services:
    """Starts services, revives what ends, and stops what it is told to, with all children."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.revived: Counter[str] = Counter()
        """How often each ended without having been told to."""

        self._running: dict[str, _Running] = {}
        self._lock = threading.RLock()
        self._closed = threading.Event()
        self._guard = threading.Thread(target=self._revive_what_ends)
        self._guard.start()

    @property
    def names(self) -> list[str]:
        """What was started and not stopped."""
        return list(self._running)

    def start(self, *services: Service) -> None:
        """Start them, without waiting until they are ready."""
        with self._lock:
            for service in services:
                self._running[service.name] = _Running(service, self._spawn(service), time.time())

    def wait(self, *names: str) -> None:
        """Wait until they do their work."""
        for name in names:
            wait(partial(self._is_ready, name), f"{name}; see {self._log(name)}")

    def stop(self, name: str, how: signal.Signals | None = None) -> Service:
        """Stop a service and its children, and leave it stopped."""
        with self._lock:
            running = self._running.pop(name)
        end(running.process, how or running.service.stop_signal)
        return running.service

    def stop_all(self, how: Mapping[str, signal.Signals | None]) -> list[Service]:
        """Stop services at the same time."""
        with ThreadPoolExecutor(len(how)) as at_once:
            return list(at_once.map(self.stop, how.keys(), how.values()))

    def restart(self, how: Mapping[str, signal.Signals | None]) -> None:
        """Stop services at the same time, and start them again, without waiting."""
        self.start(*self.stop_all(how))

    def close(self) -> None:
        """Stop all, the latest first."""
        self._closed.set()
        self._guard.join()
        for name in reversed(self.names):
            self.stop(name, signal.SIGKILL)

    def _spawn(self, service: Service) -> "subprocess.Popen[bytes]":
        with self._log(service.name).open("ab") as log:
            return subprocess.Popen(
                service.command,
                env=service.env,
                cwd=self.folder if service.user is None else "/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **identity(service.user),
            )

    def _revive_what_ends(self) -> None:
        while not self._closed.wait(0.5):
            with self._lock:
                for name, running in self._running.items():
                    if running.process.poll() is not None:
                        self.revived[name] += 1
                        _kill_group(running.process)
                        running.process = self._spawn(running.service)
                        running.since = time.time()

    def _is_ready(self, name: str) -> bool:
        with self._lock:
            running = self._running[name]
        return running.service.is_ready(running.since)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@contextmanager
def running_services(folder: Path) -> Iterator[Services]:
    """Services that are all gone in the end."""
    services = Services(folder)
    try:
        yield services
    finally:
        services.close()


def end(process: "subprocess.Popen[bytes]", how: signal.Signals) -> None:
    """End a process, and whatever it started that is left then."""
    family = _descendants(process.pid)
    if how is signal.SIGKILL:  # as a container dies: all at once
        _kill_group(process)
    stop(process, how, timeout=30)
    _kill_group(process)
    for pid in family:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """The children of a process, and theirs; PostgreSQL's lead groups of their own."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        text = " ".join((thread / "children").read_text() for thread in threads)
    except FileNotFoundError:
        return []
    children = [int(child) for child in text.split()]
    return children + [each for child in children for each in _descendants(child)]


def identity(user: str | None) -> dict[str, Any]:
    """What makes a process run as somebody else, whom root may become."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def clean_environment() -> dict[str, str]:
    """This process's environment without what configures any of the services."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


def answers_at(url: str) -> Callable[[float], bool]:
    """Whether a service answers at a URL."""

    def answers(_: float) -> bool:
        try:
            return httpx.get(url, timeout=5, trust_env=False).is_success
        except httpx.TransportError:
            return False

    return answers


def wait(ready: Callable[[], T | None], what: str, timeout: float = TIMEOUT) -> T:
    """Ask until the answer is something.

    Raises:
        AssertionError: it stayed nothing.
    """
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        answer = ready()
        if answer:
            return answer
        time.sleep(LOOK_EVERY_S)
    raise AssertionError(f"waited {timeout} s in vain for {what}")
