"""What a store says when it cannot be reached, may not be used, or is full."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dandelion_pipeline.errors import (
    ObjectNotFound,
    SettingsError,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store

Call = Callable[[Store], object]
CALLS: list[Call] = [
    lambda s: s.put("a", b"1"),
    lambda s: s.put_if_absent("a", b"1"),
    lambda s: s.get("a"),
    lambda s: s.list_objects("a/"),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_missing_bucket_is_named(s3_url: str, call: Call) -> None:
    with pytest.raises(StoreError, match="no bucket nowhere-to-be-found") as caught:
        call(open_store("s3://nowhere-to-be-found/x"))
    assert not isinstance(caught.value, ObjectNotFound)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_wrong_key_is_denied_and_names_the_settings(
    s3_url: str, monkeypatch: pytest.MonkeyPatch, name: str, call: Call
) -> None:
    monkeypatch.setenv(name, "wrong")
    with pytest.raises(StoreDenied, match="AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"):
        call(open_store(s3_url))


def test_an_endpoint_without_keys_is_refused_at_once(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SettingsError, match="AWS_SECRET_ACCESS_KEY not set"):
        open_store(s3_url)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that drops every attempt to connect, as a firewall does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:  # they fill the queue that nobody accepts from
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        yield port
        for each in waiting:
            each.close()


def test_a_silent_endpoint_is_given_up_within_15_seconds(
    monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    _assert_unavailable_soon(monkeypatch, f"http://127.0.0.1:{silent_port}")


def test_an_endpoint_that_is_not_running_is_given_up_within_15_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _assert_unavailable_soon(monkeypatch, "http://127.0.0.1:9")  # the discard port


def _assert_unavailable_soon(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="AWS_ENDPOINT_URL"):
        open_store("s3://bucket/prefix").get("a")
    assert time.monotonic() - began < 15


def test_a_full_disk_is_called_full_and_leaves_nothing_behind(small_disk: Path) -> None:
    store = open_store(small_disk.as_uri())
    store.put("small", b"1")
    for write in (store.put, store.put_if_absent):
        with pytest.raises(StoreFull, match="no space is left"):
            write("large", bytes(2_000_000))
    assert [o.key for o in store.list_objects("")] == ["small"]
    store.put("other", bytes(500_000))  # the space of the failed writes is free again


def test_a_full_disk_keeps_the_object_that_was_to_be_replaced(small_disk: Path) -> None:
    store = open_store(small_disk.as_uri())
    store.put("a", b"old")
    with pytest.raises(StoreFull):
        store.put("a", bytes(2_000_000))
    assert store.get("a") == b"old"


def test_a_key_below_an_object_is_refused_for_good(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    store.put("a", b"1")
    with pytest.raises(StoreError, match="the folder cannot hold it"):
        store.put("a/b", b"2")


def test_a_folder_without_permission_is_denied() -> None:
    program = (
        "import os, sys\n"
        "from dandelion_pipeline.errors import StoreDenied\n"
        "from dandelion_pipeline.storage.objects.location import open_store\n"
        "if os.geteuid() == 0:\n    os.setuid(65534)\n"
        "try:\n    open_store(sys.argv[1]).put('a', b'1')\n"
        "except StoreDenied as error:\n    sys.exit(print(error) or 7)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        command = [sys.executable, "-c", program, Path(folder).as_uri()]
        said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert said.returncode == 7, said.stderr
    assert "Check the folder's owner and permissions" in said.stdout


def test_a_folder_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="DANDELION_STORE_URL"):
        open_store((tmp_path / "file" / "store").as_uri())


@pytest.mark.parametrize(
    "url", ["", "folder", "/folder", "http://host/x", "s3://", "file://host/x"]
)
def test_another_url_names_the_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="DANDELION_STORE_URL"):
        open_store(url)
