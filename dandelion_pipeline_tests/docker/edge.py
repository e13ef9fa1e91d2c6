"""The edge as a process on loopback: Debian's Caddy with docker/edge/Caddyfile."""

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import pytest

from dandelion_pipeline_tests.servers.processes import free_port

FOLDER = Path(__file__).parents[2] / "docker" / "edge"
DOMAIN = "dandelion.localhost"
NAMES = ("dagster", "mlflow", "app", "api", "airflow")
USER, PASSWORD = "operator", "a password of 4 words"
# Of cost 4, which a test can wait for.
SETTINGS = {
    "DANDELION_EDGE_DOMAIN": DOMAIN,
    "DANDELION_EDGE_TLS": "internal",
    "DANDELION_EDGE_LOGIN": "password",
    "DANDELION_EDGE_USER": USER,
    "DANDELION_EDGE_PASSWORD_HASH": "$2b$04$OOyG8D9y6C.SORjFS68W5u8ExezD3myZuKXk/mnZQFH2T9KcsAR3a",
}

needs_caddy = pytest.mark.skipif(
    shutil.which("caddy") is None, reason="needs Debian's caddy package, which .ci/run installs"
)


@dataclass(frozen=True)
class Edge:
    """A Caddy that runs."""

    port: int
    data: Path

    def get(self, name: str, path: str = "/", **options: object) -> httpx.Response:
        """Ask for a page of ``name.DOMAIN``, and verify the certificate by Caddy's authority."""
        context = ssl.create_default_context(cafile=str(self._authority))
        with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
            headers = {"Host": f"{name}.{DOMAIN}", **dict(options.pop("headers", {}))}  # type: ignore[call-overload]
            return client.get(
                f"https://127.0.0.1:{self.port}{path}",
                headers=headers,
                extensions={"sni_hostname": f"{name}.{DOMAIN}"},
                **options,  # type: ignore[arg-type]
            )

    def answers(self, name: str) -> bool:
        """Whether it has a certificate for a name by now."""
        try:
            return self._authority.exists() and self.get(name).status_code > 0
        except (httpx.TransportError, ssl.SSLError):
            return False

    @property
    def _authority(self) -> Path:
        return self.data / "caddy" / "pki" / "authorities" / "local" / "root.crt"


def start(
    caddyfile: Path, settings: Mapping[str, str], data: Path, log: IO[str] | int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """start.sh, as the container runs it."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    folders = {"HOME": str(data), "XDG_DATA_HOME": str(data), "XDG_CONFIG_HOME": str(data)}
    return subprocess.Popen(
        ["sh", str(FOLDER / "start.sh"), str(caddyfile)],
        env={**kept, **folders, **settings},
        stderr=log,
        text=True,
    )


@contextmanager
def edge(
    place: Path, upstreams: Mapping[str, int], settings: Mapping[str, str] = SETTINGS
) -> Iterator[Edge]:
    """The product's Caddyfile on free ports, in front of services on this machine.

    Args:
        place: an empty folder.
        upstreams: a port on loopback for each service, named as compose does.
        settings: what `.env` says.
    """
    text = (FOLDER / "Caddyfile").read_text()
    for service, port in upstreams.items():
        text = re.sub(rf"reverse_proxy {service}:\d+", f"reverse_proxy 127.0.0.1:{port}", text)
    http, https, health = free_port(), free_port(), free_port()
    text = text.replace("admin off", f"admin off\n\thttp_port {http}\n\thttps_port {https}")
    text = text.replace("127.0.0.1:8081", f"127.0.0.1:{health}")
    version = subprocess.run(
        ["caddy", "version"], check=True, capture_output=True, text=True
    ).stdout
    if re.match(r"v?2\.[0-7]\.", version):  # Debian's: the directive got its name in 2.8
        text = text.replace("basic_auth", "basicauth")
    caddyfile = place / "Caddyfile"
    caddyfile.write_text(text)
    with (place / "log").open("w") as log:
        process = start(caddyfile, settings, place, log)
    found = Edge(https, place)
    try:
        while not all(found.answers(name) for name in NAMES):
            assert process.poll() is None, (place / "log").read_text()
            time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(30)
