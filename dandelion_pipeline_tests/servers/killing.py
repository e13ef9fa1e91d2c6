"""Kill a process with SIGKILL at a chosen write to the store, and do so hundreds of times.

All writes of the product go through `Store.put` and `Store.put_if_absent`. A victim runs a job
with a `MortalStore`, which counts these calls and ends its process before, during or after one.

Victims fork from a process that has imported everything (multiprocessing's fork server), or
each would take seconds to start. It has not used obstore, whose threads do not survive a fork.
"""

import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import count
from multiprocessing.connection import Connection

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.servers.fault_plans import Fault, Request

TIMEOUT = 60  # seconds until a victim must have died

Job = Callable[[Store], None]


class Moment(Enum):
    """When in a write the process dies."""

    BEFORE = "before it has begun"
    UNDER_WAY = "some time after it has begun, wherever it is by then"
    CUT = "when half of the bytes have been written to the disk, or sent to the server"
    AFTER = "when it is done"


@dataclass(frozen=True)
class Kill:
    """Which write of a process is the one at which it dies."""

    write: int
    """1 is the first."""

    moment: Moment
    delay: float = 0
    """For `Moment.UNDER_WAY`: seconds from the beginning of the write."""


class MortalStore(Store):
    """A store that is like another, measures its writes, and kills its process at one of them."""

    def __init__(self, store: Store, kill: Kill | None = None) -> None:
        vars(self).update(vars(store))
        self.seconds: list[float] = []
        """How long each write took."""

        self.doomed = False
        self._kill = kill
        self._numbers = count(1)

    def put(self, key: str, data: bytes) -> None:
        with self._write(len(data)):
            super().put(key, data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._write(len(data)):
            return super().put_if_absent(key, data)

    @contextmanager
    def _write(self, size: int) -> Iterator[None]:
        kill = self._kill if self._kill and next(self._numbers) == self._kill.write else None
        if kill:
            self._begin_to_die(kill, size)
        started = time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - started)
        if kill and kill.moment is Moment.AFTER:
            _die()

    def _begin_to_die(self, kill: Kill, size: int) -> None:
        self.doomed = True
        if kill.moment is Moment.BEFORE:
            _die()
        elif kill.moment is Moment.UNDER_WAY:
            threading.Thread(target=_die, args=(kill.delay,)).start()
        elif kill.moment is Moment.CUT and self.url.startswith("file:"):
            _die_when_a_file_grows_beyond(size // 2)


def _die(delay: float = 0) -> None:
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGKILL)


def _die_when_a_file_grows_beyond(size: int) -> None:
    """Let the kernel write so many bytes and end the process in the middle of write(2).

    The signal is SIGXFSZ. Unhandled, it ends a process as SIGKILL does: at once, without a
    single further instruction of its own.
    """
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class Victim:
    """A process that runs a job until it is killed."""

    def __init__(self, job: Job, url: str, kill: Kill | None, settings: dict[str, str]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([job.__module__])
        self.url = url
        self.kill = kill
        self._result, answers = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_live, args=(job, url, kill, settings, answers), daemon=True
        )
        self._has_started = threading.Event()

    def start(self) -> None:
        self._process.start()
        self._has_started.set()

    def shoot(self) -> None:
        """Kill it from outside."""
        self._has_started.wait(TIMEOUT)
        self._process.kill()

    def wait_for_death(self) -> None:
        """Wait until it has been killed.

        Raises:
            AssertionError: it lives, or has ended by itself.
        """
        try:
            assert self._end() in (-signal.SIGKILL, -signal.SIGXFSZ), f"not killed: {self.kill}"
        finally:
            self._process.kill()

    def seconds(self) -> list[float]:
        """Wait until it has ended by itself. Returns how long each of its writes took."""
        assert self._end() == 0
        seconds: list[float] = self._result.recv()
        return seconds

    def _end(self) -> int | None:
        self._process.join(TIMEOUT)
        return self._process.exitcode


def _live(
    job: Job, url: str, kill: Kill | None, settings: dict[str, str], answers: Connection
) -> None:
    os.environ.update(settings)  # the fork server keeps the environment of its start
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    store = MortalStore(open_store(url), kill)
    job(store)
    if store.doomed:
        signal.pause()
    answers.send(store.seconds)


class UploadCutter:
    """What the fault proxy does to victims that die by `Moment.CUT` on S3.

    Half of the upload's body reaches the server; the process is killed, and its connection to
    the server is reset.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Victim, int]] = {}

    def lie_in_wait_for(self, victim: Victim) -> None:
        assert victim.kill
        self._waiting[victim.url.rpartition("/")[2]] = (victim, victim.kill.write)

    def __call__(self, request: Request) -> Fault | None:
        place = next((part for part in request.path.split("/") if part in self._waiting), None)
        if request.method != "PUT" or place is None:
            return None
        victim, writes = self._waiting.pop(place)
        if writes > 1:
            self._waiting[place] = (victim, writes - 1)
            return None
        victim.shoot()
        return Fault.CUT_UPLOAD
