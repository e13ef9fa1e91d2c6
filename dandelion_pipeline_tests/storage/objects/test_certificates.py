"""An S3 server with a certificate of the company's own."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dandelion_pipeline.errors import SettingsError, TransientError
from dandelion_pipeline.storage.objects.certificates import VARIABLES, trusted_certificates
from dandelion_pipeline.storage.objects.location import S3Options, open_store

_EMPTY = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated>
</ListBucketResult>"""


class _EmptyBucket(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(_EMPTY)))
        self.end_headers()
        self.wfile.write(_EMPTY)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Quiet(HTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients that do not trust us leave."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("needs Debian's openssl package, which .ci/run installs")
    folder = tmp_path_factory.mktemp("certificates")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    ca, key = str(folder / "ca.pem"), str(folder / "ca-key.pem")
    leaf = ["-CA", ca, "-CAkey", key, "-addext", "basicConstraints=critical,CA:FALSE"]
    leaf += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    leaf += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "server.pem")]
    for command in ([*new, "-subj", "/CN=ours", "-keyout", key, "-out", ca], [*new, *leaf]):
        subprocess.run(command, check=True, capture_output=True)
    return folder / "ca.pem"


@pytest.fixture
def options(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Options]:
    """How to reach an empty bucket behind TLS."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.with_name("server.pem"), certificate.with_name("key.pem"))
    with _Quiet(("127.0.0.1", 0), _EmptyBucket) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port}"
        yield S3Options(url, "us-east-1", "key", "secret", max_attempts=1)
        server.shutdown()


@pytest.mark.parametrize("name", VARIABLES)
def test_certificates_that_a_variable_names_are_trusted(
    options: S3Options, certificate: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(certificate))
    assert open_store("s3://bucket", options).list_objects("") == []


def test_without_them_the_server_is_not_trusted(options: S3Options) -> None:
    with pytest.raises(TransientError, match="AWS_CA_BUNDLE"):
        open_store("s3://bucket", options).list_objects("")


def test_a_folder_of_certificates_and_a_file_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path))
    (tmp_path / "notes.txt").write_text("no certificate")
    with pytest.raises(SettingsError, match="no certificate in PEM"):
        trusted_certificates()
    (tmp_path / "ca.pem").write_bytes(certificate.read_bytes())
    assert trusted_certificates() == certificate.read_bytes()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(SettingsError, match="AWS_CA_BUNDLE"):
        open_store("s3://bucket", S3Options("https://127.0.0.1:9", None, "key", "secret"))
