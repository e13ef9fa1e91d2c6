"""Errors of other libraries and of the system, where a command ends: one message, no traceback.

The traceback is written to a file that the message names; `DANDELION_DEBUG=1` shows it instead.
"""

import errno
import os
import tempfile
import traceback

from dandelion_pipeline.errors import (
    DandelionError,
    SettingsError,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
    TrackingUnavailable,
)

DEBUG = "DANDELION_DEBUG"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_TOO_MANY = {errno.EMFILE, errno.ENFILE}


class UnexpectedError(DandelionError):
    """An error that this program does not know: a fault of its own, most likely."""


def wants_traceback() -> bool:
    """Whether somebody wants to see tracebacks."""
    return os.environ.get(DEBUG, "").lower() not in ("", "0", "false", "no")


def explained(error: Exception) -> DandelionError:
    """What a person can do about an error of a library or of the system."""
    causes = list(_causes(error))
    ours = next((one for one in causes if isinstance(one, DandelionError)), None)
    if ours is not None:
        return ours
    kept = _kept(error)
    for cause in causes:
        found = _of_system(cause, kept) if isinstance(cause, OSError) else None
        found = found or _of_database(cause, kept) or _of_library(cause, kept)
        if found is not None:
            return found
    return UnexpectedError(
        "this command",
        f"an error that it does not know: {type(error).__name__}: {_line(error)}",
        f"It is a fault of this program, most likely: please report it with {kept}",
    )


def _of_system(error: OSError, kept: str) -> DandelionError | None:
    where = str(error.filename or "a file")
    details = f"Details: {kept}"
    if error.errno in _FULL:
        return StoreFull(
            f"writing {where}",
            f"no space is left there ({error.strerror})",
            f"Free some space and run the same command again; nothing that was there is lost. "
            f"{details}",
        )
    if error.errno in _DENIED:
        return StoreDenied(
            f"opening {where}",
            f"this user (uid {os.geteuid()}) may not ({error.strerror})",
            f"Give this user the permission, or set DANDELION_HOME to a folder of its own. "
            f"{details}",
        )
    if error.errno in _TOO_MANY:
        return SettingsError(
            "this command",
            "too many files are open",
            f"Allow more (`ulimit -n 4096`) and run it again. {details}",
        )
    if error.errno == errno.EADDRINUSE:
        return SettingsError(
            "a port of this command",
            "another program listens there",
            f"Stop that, or choose other ports (DANDELION_…_PORT). {details}",
        )
    return None


def _of_database(error: BaseException, kept: str) -> DandelionError | None:
    """SQLite's errors, as sqlite3 or SQLAlchemy raise them."""
    if _library(error) not in ("sqlite3", "sqlalchemy"):
        return None
    said = _line(error)
    what = "a database of Dagster or MLflow below DANDELION_HOME"
    if "locked" in said or "busy" in said:
        return StoreUnavailable(
            what,
            f"another process holds it ({said})",
            f"Run the same command again; if it stays so, stop the other one. Details: {kept}",
        )
    if "full" in said:
        return StoreFull(what, f"no space is left ({said})", f"Free some space. Details: {kept}")
    if "readonly" in said or "unable to open" in said:
        return StoreDenied(
            what,
            f"this user (uid {os.geteuid()}) may not write it ({said})",
            f"Give this user the permission to write below DANDELION_HOME. Details: {kept}",
        )
    return StoreError(
        what,
        f"it is damaged, or of another version ({said})",
        "Move the file away: a new one is made, and photos, models and releases are not in it. "
        f"{kept} says which file it is",
    )


def _of_library(error: BaseException, kept: str) -> DandelionError | None:
    library = _library(error)
    if library == "mlflow":
        return TrackingUnavailable(
            "MLflow", f"it answered: {_line(error)}", f"See that MLflow runs. Details: {kept}"
        )
    if library in ("dagster", "dagster_shared"):
        return SettingsError(
            "Dagster",
            f"it answered {type(error).__name__}: {_line(error)}",
            "Correct what it names; if it is its own database or dagster.yaml, move DAGSTER_HOME's "
            f"folder away: photos, models and releases are not in it. Details: {kept}",
        )
    return None


def _library(error: BaseException) -> str:
    return type(error).__module__.partition(".")[0]


def _causes(error: BaseException | None) -> list[BaseException]:
    """An error and what led to it, the first one last."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no message"


def _kept(error: Exception) -> str:
    """Write the traceback to a file; its name, or how to see it where no file can be written."""
    text = "".join(traceback.format_exception(error))
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="dandelion-",
            suffix=".txt",
            encoding="utf-8",
            errors="backslashreplace",
            delete=False,
        ) as file:
            file.write(text)
    except OSError:
        return f"the traceback, which {DEBUG}=1 in front of the command shows"
    return f"the traceback in {file.name}"
