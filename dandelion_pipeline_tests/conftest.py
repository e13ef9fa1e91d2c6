"""What tests of several rooms share: a real S3 server, and a store of each kind."""

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.servers.seaweedfs import S3Server, seaweedfs

TESTS = Path(__file__).parent

pytest_plugins = ["dandelion_pipeline_tests.data.small_data_set"]

# Equal trainings are equal to the last bit with an equal number of threads, and without this one
# a training gives way to the other tests (docs/adr/0059).
os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))

# What a shell starts in its background ignores Ctrl-C, and so does all that it starts itself.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(_number, signal.SIG_DFL)

settings.register_profile("ours", deadline=None)  # a test never asserts on time
settings.load_profile("ours")


LONGEST = ("e2e", "defs")
"""Folders whose tests start or train what they share."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests: a worker that has run out of tests takes the other's last ones.

    So what those tests share is made by one worker, and both end at the same time.
    """
    folder = {item: item.path.relative_to(TESTS).parts[0] for item in items}
    order = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(folder[item], len(order)))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """SeaweedFS, or what DANDELION_TEST_S3_URL (and AWS_*) name: MinIO, RustFS or AWS itself."""
    given = os.environ.get("DANDELION_TEST_S3_URL")
    if given:
        yield S3Server(given.rstrip("/"), {k: v for k, v in os.environ.items() if k[:4] == "AWS_"})
        return
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


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
