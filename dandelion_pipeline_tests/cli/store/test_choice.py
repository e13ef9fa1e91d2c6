"""`--store`: what it refuses, its keys, and the S3 server that it starts and shares."""

import os
import signal
import socket
from pathlib import Path

import pytest

from dandelion_pipeline.cli.store.choice import chosen_store
from dandelion_pipeline.cli.store.local_s3 import GRPC, PARTS, LocalS3
from dandelion_pipeline.cli.store.s3_environment import environment_file
from dandelion_pipeline.errors import Refused, SettingsError, StoreUnavailable
from dandelion_pipeline.settings import load_settings
from dandelion_pipeline.storage.objects.location import open_store

VARIABLES = (
    "DANDELION_STORE_URL",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_SKIP_SIGNATURE",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an environment that is forgotten afterwards."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that the patch knows the name
        monkeypatch.delenv(name)
    monkeypatch.setenv("DANDELION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def free_s3_port() -> int:
    """A port that is free with all its companions, below those that the kernel gives away."""
    for port in range(20_000 + os.getpid() % 400 * 5, 22_760, len(PARTS)):
        first = range(port, port + len(PARTS))
        if all(_is_free(each) for each in (*first, *(number + GRPC for number in first))):
            return port
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def refusal(store: str, s3_port: int = 8333) -> str:
    with pytest.raises(SettingsError) as caught, chosen_store(store, s3_port, may_join=True):
        pass
    return str(caught.value)


def started(server: LocalS3 | None) -> int:
    """The process of a server that this test started."""
    assert server is not None
    assert server.process is not None
    return server.process.pid


def keys() -> tuple[str, str]:
    return os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]


def test_another_store_is_no_choice() -> None:
    assert "the store 'minio': there is no such choice. Say STORE=folder" in refusal("minio")


@pytest.mark.parametrize("store", ["s3", "folder"])
def test_a_store_that_the_environment_contradicts_is_refused(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANDELION_STORE_URL", "s3://photos/of-mine")
    message = refusal(store)
    assert "DANDELION_STORE_URL names another one: s3://photos/of-mine" in message
    assert f"Leave out STORE={store}, or unset DANDELION_STORE_URL" in message


def test_an_endpoint_of_another_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert "AWS_ENDPOINT_URL names another one: http://127.0.0.1:9000" in refusal("s3")


def test_one_key_of_two_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    assert "AWS_SECRET_ACCESS_KEY is not" in refusal("s3", free_s3_port())


@pytest.mark.parametrize("above", [0, 4, GRPC])
def test_a_port_that_is_taken_is_named_with_the_setting_to_change(above: int) -> None:
    port = free_s3_port()
    with socket.create_server(("127.0.0.1", port + above)):
        message = refusal("s3", port)
    assert f"port {port + above} for the S3 server: it cannot be used (Address already" in message
    assert "set DANDELION_S3_PORT" in message


def test_without_a_choice_the_settings_decide(home: Path) -> None:
    for store in ("", "folder"):
        with chosen_store(store, 8333, may_join=True) as (settings, server):
            assert (settings.store, server) == ((home / "store").as_uri(), None)


def test_what_a_server_keeps_is_there_again_with_the_same_keys_on_other_ports(home: Path) -> None:
    with chosen_store("s3", free_s3_port(), may_join=False) as (settings, _):
        open_store(settings.store).put("landing/a", b"photo")
        first = keys()
    file = environment_file(settings)
    assert file == home / "s3.env"
    assert file.stat().st_mode & 0o777 == 0o600
    port = free_s3_port() + len(PARTS)
    with chosen_store("s3", port, may_join=False) as (settings, server):
        assert keys() == first
        assert f"AWS_ENDPOINT_URL=http://127.0.0.1:{port}\n" in file.read_text()
        with pytest.raises(Refused, match="another command runs it already"):
            chosen_store("s3", port, may_join=False).__enter__()
        with chosen_store("s3", port, may_join=True) as (shared, nobody):
            assert nobody is not None
            assert nobody.process is None
            assert [each.key for each in open_store(shared.store).list_objects("")] == ["landing/a"]
        os.kill(started(server), signal.SIGKILL)
        assert server is not None
        assert server.process is not None
        server.process.wait()
        with pytest.raises(StoreUnavailable, match="it ended with -9"):
            server.check()
    with chosen_store("s3", port, may_join=False) as (settings, _):
        assert open_store(settings.store).list_objects("landing/")


def test_keys_of_the_environment_are_used_and_not_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-mine")
    with chosen_store("s3", free_s3_port(), may_join=False) as (settings, _):
        open_store(settings.store).put("landing/a", b"photo")
    assert "mine" not in environment_file(load_settings()).read_text()
