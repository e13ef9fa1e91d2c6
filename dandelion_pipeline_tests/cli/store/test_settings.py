"""Each way of getting the store's settings wrong, as the person at the terminal meets it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from dandelion_pipeline.cli import main
from dandelion_pipeline_tests.servers.seaweedfs import BUCKET, S3Server, seaweedfs

TIMEOUT = 15  # seconds until the message, as promised to the operator


COMMAND = ["releases", "list"]
Said = Callable[[Mapping[str, str]], str]


def said_by_a_process(settings: Mapping[str, str], *command: str) -> str:
    """What `dandelion releases list` says on standard error, in one line."""
    started = time.monotonic()
    done = subprocess.run(
        [*command, Path(sys.executable).parent / "dandelion", *COMMAND],
        env={**os.environ, **settings},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert time.monotonic() - started < TIMEOUT
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """The same from this process: to start one for each message takes seconds."""
    monkeypatch.setattr(sys, "argv", ["dandelion", *COMMAND])

    def said(settings: Mapping[str, str]) -> str:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        started = time.monotonic()
        with pytest.raises(SystemExit) as ended:
            main()
        assert time.monotonic() - started < TIMEOUT
        assert ended.value.code == 1
        message = capsys.readouterr().err
        assert "Traceback" not in message
        return " ".join(message.split())

    return said


@pytest.fixture
def right(s3_server: S3Server) -> dict[str, str]:
    """Settings with nothing wrong."""
    return {**s3_server.environment, "DANDELION_STORE_URL": s3_server.url}


@pytest.fixture(scope="module")
def mute() -> Iterator[str]:
    """An endpoint that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_right_settings_work(right: dict[str, str]) -> None:
    with pytest.raises(AssertionError):  # the exit code is 0
        said_by_a_process(right)


def test_an_endpoint_where_nothing_runs(right: dict[str, str]) -> None:
    message = said_by_a_process({**right, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    assert "GET http://127.0.0.1:9/dandelion: Connection refused" in message
    assert "do: Check that it runs and that AWS_ENDPOINT_URL" in message


def test_an_endpoint_that_never_answers(said: Said, right: dict[str, str], mute: str) -> None:
    message = said({**right, "AWS_ENDPOINT_URL": mute})
    assert "it took too long" in message
    assert "AWS_ENDPOINT_URL" in message


def test_a_host_that_does_not_exist(said: Said, right: dict[str, str]) -> None:
    message = said({**right, "AWS_ENDPOINT_URL": "http://no-such-host.invalid:9000"})
    assert "no-such-host.invalid" in message
    assert "AWS_ENDPOINT_URL" in message


def test_https_where_http_is_spoken(said: Said, right: dict[str, str]) -> None:
    endpoint = right["AWS_ENDPOINT_URL"].replace("http:", "https:")
    message = said({**right, "AWS_ENDPOINT_URL": endpoint})
    assert "is it http instead of https?" in message
    assert "AWS_ENDPOINT_URL" in message


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "ftp://host", "http://", "http://host:port", "http://host:0"]
)
def test_an_endpoint_that_is_no_url(said: Said, right: dict[str, str], endpoint: str) -> None:
    message = said({**right, "AWS_ENDPOINT_URL": endpoint})
    assert f"the endpoint '{endpoint}'" in message
    assert "do: Correct AWS_ENDPOINT_URL, for example to http://127.0.0.1:9000" in message


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_wrong_key(said: Said, right: dict[str, str], name: str) -> None:
    message = said({**right, name: "wrong"})
    assert "the store does not know these keys" in message
    assert "do: Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY" in message


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_a_key_that_is_not_set(said: Said, right: dict[str, str], name: str) -> None:
    assert f"why: {name} not set" in said({**right, name: ""})


def test_a_bucket_that_does_not_exist(said: Said, right: dict[str, str]) -> None:
    message = said({**right, "DANDELION_STORE_URL": "s3://nowhere-to-be-found"})
    assert "there is no bucket nowhere-to-be-found" in message
    assert "do: Create it, or correct DANDELION_STORE_URL" in message


@pytest.mark.parametrize("url", ["s3://", "s3:/dandelion", "dandelion", "gs://bucket"])
def test_a_store_url_of_another_form(said: Said, right: dict[str, str], url: str) -> None:
    message = said({**right, "DANDELION_STORE_URL": url})
    assert f"the store's URL '{url}'" in message
    assert "do: Correct DANDELION_STORE_URL" in message


@pytest.mark.parametrize("bucket", ["Dandelion", "my_bucket", "b", "x" * 64])
def test_a_name_that_no_bucket_can_have(said: Said, right: dict[str, str], bucket: str) -> None:
    message = said({**right, "DANDELION_STORE_URL": f"s3://{bucket}/prefix"})
    assert f"the bucket '{bucket}'" in message
    assert "DANDELION_STORE_URL" in message


@pytest.mark.parametrize("shift", ["+1h", "-1h"])
@pytest.mark.skipif(not shutil.which("faketime"), reason="needs Debian's faketime package")
def test_a_clock_that_is_wrong(right: dict[str, str], shift: str) -> None:
    message = said_by_a_process(right, "faketime", "-f", shift)
    assert "this machine's clock and the store's are too far apart" in message
    assert "do: Set this machine's clock (NTP)" in message


def test_a_bucket_that_may_only_be_read(tmp_path: Path) -> None:
    reader = {"accessKey": "reader", "secretKey": "reads-and-lists"}
    identity = {"name": "reader", "credentials": [reader], "actions": ["Read", "List"]}
    config = tmp_path / "identities.json"
    config.write_text(json.dumps({"identities": [identity]}))
    data, photos = tmp_path / "seaweedfs", tmp_path / "photos"
    data.mkdir()
    for label in ("dandelion", "grass"):
        (photos / label).mkdir(parents=True)
        (photos / label / "1.jpg").write_bytes(label.encode())
    with seaweedfs(data, f"-s3.config={config}") as server:
        settings = {
            **server.environment,
            "AWS_ACCESS_KEY_ID": reader["accessKey"],
            "AWS_SECRET_ACCESS_KEY": reader["secretKey"],
            "DANDELION_STORE_URL": server.url,
        }
        done = subprocess.run(
            [Path(sys.executable).parent / "dandelion", "images", "import", photos],
            env={**os.environ, **settings},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    message = " ".join(done.stderr.split())
    assert done.returncode == 1
    assert f"these keys may not write in bucket {BUCKET}, or it is read-only" in message
    assert "Give AWS_ACCESS_KEY_ID the right to write" in message
    assert "point DANDELION_STORE_URL at another bucket" in message
