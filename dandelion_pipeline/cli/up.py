"""`dandelion up`: the API, the page, Dagster and MLflow, until Ctrl-C."""

import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import httpx
import typer
from honcho.manager import Manager
from rich.text import Text

from dandelion_pipeline.cli.report import out
from dandelion_pipeline.cli.store.choice import S3PortOption, StoreOption, chosen_store
from dandelion_pipeline.cli.store.local_s3 import LocalS3
from dandelion_pipeline.cli.store.s3_environment import environment_file
from dandelion_pipeline.errors import SettingsError, StoreUnavailable
from dandelion_pipeline.settings import Settings, load_settings

LOOPBACK = "127.0.0.1"
_LOOK_EVERY_S = 0.5


@dataclass(frozen=True)
class Service:
    """One process, and the page that answers once it is ready."""

    name: str
    what: str
    port: int
    command: Sequence[str]
    path: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    """Where it runs; None for here."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{LOOPBACK}:{self.port}"


def up(
    api_port: Annotated[int, typer.Option(envvar="DANDELION_API_PORT")] = 8000,
    webapp_port: Annotated[int, typer.Option(envvar="DANDELION_WEBAPP_PORT")] = 8501,
    dagster_port: Annotated[int, typer.Option(envvar="DANDELION_DAGSTER_PORT")] = 3000,
    mlflow_port: Annotated[int, typer.Option(envvar="DANDELION_MLFLOW_PORT")] = 5001,
    kind: StoreOption = "",
    s3_port: S3PortOption = 8333,
) -> None:
    """Start everything on loopback, print the addresses, and stop everything on Ctrl-C."""
    settings = load_settings()
    services = [
        _api(api_port),
        _webapp(webapp_port, api_port),
        _dagster(settings, dagster_port, mlflow_port),
        *_mlflow(settings, mlflow_port),
    ]
    for service in services:
        _check_port(service)
    with chosen_store(kind, s3_port, may_join=False) as (settings, server):
        _prepare(settings)
        code = _serve(services, server, _store_lines(settings, server))
    sys.exit(code)


def _serve(services: Sequence[Service], server: LocalS3 | None, store: Sequence[Text]) -> int:
    """Run the services until a signal, or until one of them or the S3 server ends."""
    manager = Manager()
    for service in services:
        command = shlex.join(service.command)  # paths may hold apostrophes
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **service.env}
        folder = service.folder and str(service.folder)
        manager.add_process(service.name, f"exec {command}", env=environment, cwd=folder)
    over = threading.Event()
    threading.Thread(target=_announce, args=(services, store), daemon=True).start()
    if server is not None:
        threading.Thread(target=_watch, args=(server, over), daemon=True).start()
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # the terminal is closed; not so by nohup
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    manager.loop()
    over.set()
    if server is not None:
        server.check()
    return 0 if manager.returncode in _STOPPED_BY_US else int(manager.returncode or 0)


def _watch(server: LocalS3, over: threading.Event) -> None:
    """Stop the rest if the S3 server ends by itself."""
    while not over.wait(_LOOK_EVERY_S):
        try:
            server.check()
        except StoreUnavailable:
            os.kill(os.getpid(), signal.SIGTERM)
            return


def _store_lines(settings: Settings, server: LocalS3 | None) -> list[Text]:
    """Where the S3 server is, and how other commands reach it."""
    if server is None:
        return []
    file = shlex.quote(str(environment_file(settings)))
    what = f"S3 server: {settings.store} (SeaweedFS)"
    return [
        Text.assemble((f"  {server.endpoint:<24}", "bold"), what),
        Text(f"{'':<26}for other commands: . {file}"),
    ]


_STOPPED_BY_US = (0, 130, 143)


def _prepare(settings: Settings) -> None:
    """Make the embedded databases before several processes try to at once."""
    from dandelion_pipeline.cli.pipeline import prepare_dagster_home  # noqa: PLC0415
    from dandelion_pipeline.defs.mlflow.tracking import ensure_experiment  # noqa: PLC0415

    settings.folder.mkdir(parents=True, exist_ok=True)
    prepare_dagster_home(settings)
    ensure_experiment(settings)


def _api(port: int) -> Service:
    return Service(
        "api",
        "REST API; it is described at /openapi.json",
        port,
        [sys.executable, "-m", "serving"],
        "/healthz",
        {"DANDELION_API_PORT": str(port)},
    )


def _webapp(port: int, api_port: int) -> Service:
    page_file = str(files("serving.webapp") / "page.py")
    options = ["--server.port", str(port), "--server.address", LOOPBACK]
    return Service(
        "webapp",
        "web page to try a photo on",
        port,
        [sys.executable, "-m", "streamlit", "run", page_file, *options],
        "/_stcore/health",
        {"DANDELION_API_URL": f"http://{LOOPBACK}:{api_port}", **_page_key()},
    )


def _page_key() -> dict[str, str]:
    """The page's own key; where the API wants one and the page was given none, its first."""
    keys = os.environ.get("DANDELION_API_KEYS", "")
    key = os.environ.get("DANDELION_API_KEY") or keys.split(",")[0].strip()
    return {"DANDELION_API_KEY": key} if key else {}


def _dagster(settings: Settings, port: int, mlflow_port: int) -> Service:
    module = "dandelion_pipeline.definitions"
    options = ["-m", module, "-h", LOOPBACK, "-p", str(port), "--log-level", "warning"]
    return Service(
        "dagster",
        "Dagster: assets, runs, schedules (webserver and daemon)",
        port,
        [sys.executable, "-m", "dagster", "dev", *options],
        "/server_info",
        # The port is for its links. Dagster lets a .env of its folder overrule the environment, and
        # that of a working copy is compose's: its keys open MinIO, not the store that we serve.
        {"DANDELION_MLFLOW_PORT": str(mlflow_port), "DANDELION_HOME": str(settings.folder)},
        settings.folder,
    )


def _mlflow(settings: Settings, port: int) -> list[Service]:
    if settings.mlflow_tracking_uri:
        return []  # somebody else runs it
    store = ["--backend-store-uri", settings.tracking_uri]
    artifacts = ["--artifacts-destination", settings.mlflow_artifacts.as_uri()]
    options = ["--host", LOOPBACK, "--port", str(port), "--workers", "1"]
    return [
        Service(
            "mlflow",
            "MLflow: parameters, curves and plots of each run",
            port,
            [sys.executable, "-m", "mlflow", "server", *options, *store, *artifacts],
            "/health",
            {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )
    ]


def _check_port(service: Service) -> None:
    try:
        with socket.create_server((LOOPBACK, service.port)):
            pass
    except OSError as error:
        raise SettingsError(
            f"port {service.port} for {service.name}",
            f"it cannot be used ({os.strerror(error.errno or 0)})",
            f"Stop what listens there, or set DANDELION_{service.name.upper()}_PORT",
        ) from None


def _announce(services: Sequence[Service], store: Sequence[Text]) -> None:
    waiting = list(services)
    while waiting:
        time.sleep(_LOOK_EVERY_S)
        waiting = [service for service in waiting if not _answers(service)]
    out.print()
    out.print("All is up. Ctrl-C stops everything.", style="bold green")
    for service in services:
        out.print(Text.assemble((f"  {service.url:<24}", "bold"), service.what))
    for line in store:
        out.print(line)
    out.print()


def _answers(service: Service) -> bool:
    try:
        return httpx.get(service.url + service.path, timeout=2).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
