"""MLflow, with a limit to how long it is waited for.

MLflow itself waits two minutes for an answer and tries eight times, and only the environment
of the whole process can change that. So each question is asked in a thread, and the thread is
left behind when the time is up. What takes MLflow's active run, which belongs to one thread,
is asked with that environment changed for a moment (`one_try_each`).
"""

import fcntl
import logging
import os
import re
import shlex
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request
from sqlalchemy.exc import SQLAlchemyError

from dandelion_pipeline.errors import TrackingUnavailable
from dandelion_pipeline.settings import Settings

PROBE_S = 5.0
"""How long a server may take to say that it is there."""

T = TypeVar("T")


class Declined(TrackingUnavailable):
    """MLflow answered with an error, as it also does when two writers get in each other's way."""


class MlflowWithTimeout:
    """A client of MLflow that is waited for so long, all its answers together, and no longer.

    Args:
        settings: where MLflow is.
        purpose: what it is asked for, for error messages.
        seconds: how long; the making of a new embedded database does not count.

    Raises:
        TrackingUnavailable: MLflow is not there.
    """

    def __init__(self, settings: Settings, purpose: str, seconds: float) -> None:
        self._uri = settings.tracking_uri
        self._purpose = purpose
        self._seconds = self._left = seconds
        self.is_server = self._uri.startswith(("http:", "https:"))
        if settings.mlflow_tracking_uri:
            self._client = self._within_the_time(self._reach)
        else:  # left behind half way, a new database would never be whole
            with self._translated():
                self._client = self._open_embedded(settings)

    def ask(self, question: Callable[[MlflowClient], T]) -> T:
        """Ask MLflow for something.

        Raises:
            TrackingUnavailable: it did not answer in time.
            Declined: it answered with an error.
        """
        return self._within_the_time(lambda: question(self._client))

    def ask_unless(self, codes: Collection[str], question: Callable[[MlflowClient], T]) -> T | None:
        """Ask for something; None if the answer is an error with one of MLflow's codes.

        Raises:
            TrackingUnavailable: it did not answer in time.
            Declined: it answered with another error.
        """

        def answer(client: MlflowClient) -> T | None:
            try:
                return question(client)
            except MlflowException as error:
                if error.error_code in codes:
                    return None
                raise

        return self.ask(answer)

    def _reach(self) -> MlflowClient:
        """Ask a server once whether it is there: who is not there is not waited for."""
        if self.is_server:
            creds = get_default_host_creds(self._uri)  # type: ignore[no-untyped-call]
            try:
                http_request(creds, "/health", "GET", max_retries=0, timeout=PROBE_S)  # type: ignore[no-untyped-call]
            except MlflowException as error:
                why = "its /health does not answer as it should"
                raise TrackingUnavailable(*self._said(why)) from error
        return MlflowClient(self._uri, self._uri)

    def _open_embedded(self, settings: Settings) -> MlflowClient:
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # "Creating tables"
        settings.folder.mkdir(parents=True, exist_ok=True)
        # MLflow would try again for an hour if the file cannot be opened.
        with closing(sqlite3.connect(self._uri.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA schema_version")
        # Two processes that make the tables at once would spoil them; MLflow does not see to it.
        with (settings.folder / "mlflow.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return MlflowClient(self._uri, self._uri)

    def _within_the_time(self, question: Callable[[], T]) -> T:
        answer: Future[T] = Future()
        started = time.monotonic()
        threading.Thread(target=_fetch, args=(question, answer), daemon=True).start()
        try:
            with self._translated():
                return answer.result(max(0.0, self._left))
        finally:
            self._left -= time.monotonic() - started

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            message = f"it took more than {self._seconds:g} seconds"
            raise TrackingUnavailable(*self._said(message)) from None
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
            why = str(error).partition("\n")[0].partition(" NOTE: ")[0]
            raise Declined(*self._said(why)) from error

    def _said(self, why: str) -> tuple[str, str, str]:
        return (
            without_password(f"{self._purpose} at {self._uri}"),
            without_password(why.rstrip(".")),
            self._remedy(why),
        )

    def _remedy(self, why: str) -> str:
        """What to do; an embedded database is a file, and a server is somebody's to look after."""
        if not self._uri.startswith("sqlite:"):
            return (
                "The release log is not affected. See that MLflow runs and that "
                "MLFLOW_TRACKING_URI names it; the registry is brought up to date with the next "
                "release"
            )
        file = self._uri.removeprefix("sqlite:///")
        if "database schema" in why:
            return (
                "Another version of MLflow made this file. If an older one did: copy the file, and "
                f"run `mlflow db upgrade {shlex.quote(self._uri)}`. Otherwise move {file} away: a "
                "new one is made; photos, models and releases are not in it"
            )
        if any(word in why for word in ("locked", "busy")):
            return f"Another process writes {file}: run the same command again"
        if any(word in why for word in ("not a database", "malformed")):
            return (
                f"Move {file} away: a new one is made; the curves of earlier runs are no longer "
                "listed, and photos, models and releases are not in it"
            )
        return (
            f"See that this user may write {file} and its folder, and that the disk is not full; "
            "the release log is not affected"
        )


@contextmanager
def one_try_each(purpose: str) -> Iterator[None]:
    """Let MLflow try each request of the body once, and wait some `PROBE_S` seconds for it.

    Args:
        purpose: what MLflow is asked for, for error messages.

    Raises:
        TrackingUnavailable: MLflow did not answer, or said no.
    """
    before = {name: os.environ.get(name) for name in _ONE_TRY}
    os.environ.update(_ONE_TRY)
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise TrackingUnavailable(
            purpose,
            without_password(str(error).partition("\n")[0].rstrip(".")),
            "See that MLflow runs; the release log and the store are not affected",
        ) from error
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


_ONE_TRY = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": f"{PROBE_S:.0f}",
}


def _fetch(question: Callable[[], T], answer: Future[T]) -> None:
    try:
        answer.set_result(question())
    except BaseException as error:  # noqa: BLE001  raised again where it is waited for
        answer.set_exception(error)


def without_password(text: str) -> str:
    """A text with the users and passwords of all URLs in it left out."""
    return re.sub(r"://[^/@\s]*@", "://", text)
