"""`--store`: the store that `run` and `up` use, if it is not the one that the settings name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from dandelion_pipeline.cli.store.local_s3 import GRPC, LOOPBACK, PARTS, LocalS3, local_s3
from dandelion_pipeline.cli.store.s3_environment import STORE_URL, endpoint_of
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.settings import Settings, load_settings

FOLDER, S3 = "folder", "s3"

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        help="`folder` or `s3`: a folder of the home, or an S3 server (SeaweedFS) that is started "
        "on loopback. By default what DANDELION_STORE_URL says.",
    ),
]
S3PortOption = Annotated[
    int,
    typer.Option(
        envvar="DANDELION_S3_PORT",
        min=1024,
        max=65535 - GRPC - len(PARTS) + 1,
        help="Of `--store s3`, which uses the 4 ports after it and the 5 that are 10,000 higher.",
    ),
]


@contextmanager
def chosen_store(
    store: str, s3_port: int, *, may_join: bool
) -> Iterator[tuple[Settings, LocalS3 | None]]:
    """The settings with the store that was asked for, and its server if it has one of ours.

    Args:
        store: ``folder``, ``s3``, or empty for what the settings name.
        s3_port: the port of a server that is started.
        may_join: use the server that another command runs, if there is one.

    Raises:
        SettingsError: there is no such store, or the environment names another.
        StoreUnavailable: the server did not start.
    """
    settings = load_settings()
    if store not in ("", FOLDER, S3):
        raise SettingsError(
            f"the store {store!r}", "there is no such choice", "Say STORE=folder, STORE=s3 or none"
        )
    if store:
        wanted = STORE_URL if store == S3 else (settings.folder / "store").as_uri()
        _refuse_another(store, "DANDELION_STORE_URL", settings.store_url, {wanted})
    if store != S3:
        yield settings, None
        return
    ours = {f"http://{LOOPBACK}:{s3_port}", endpoint_of(settings)}
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        _refuse_another(store, name, os.environ.get(name, ""), ours)
    with local_s3(settings, s3_port, may_join=may_join) as server:
        yield load_settings(), server


def _refuse_another(store: str, name: str, given: str, fitting: set[str]) -> None:
    if given and given.rstrip("/") not in fitting:
        raise SettingsError(
            f"the store {store!r}",
            f"{name} names another one: {given}",
            f"Leave out STORE={store}, or unset {name}",
        )
