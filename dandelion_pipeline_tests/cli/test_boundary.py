"""What goes wrong outside this program is one message: what, why, what to do."""

import errno
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import typer
from mlflow.exceptions import MlflowException

from dandelion_pipeline import cli
from dandelion_pipeline.cli import boundary
from dandelion_pipeline.cli.pipeline import prepare_dagster_home
from dandelion_pipeline.cli.up import Service, _serve
from dandelion_pipeline.errors import SettingsError, SourceError
from dandelion_pipeline.settings import Settings, load_settings


def of_errno(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/srv/file")


@pytest.fixture
def ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Exception], str]:
    """What `main` prints if a command ends by an error."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv(boundary.DEBUG, raising=False)

    def said(error: Exception) -> str:
        app = typer.Typer()

        @app.command()
        def fail() -> None:
            raise error

        monkeypatch.setattr(cli, "app", app)
        monkeypatch.setattr(sys, "argv", ["dandelion"])
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert left.value.code == 1
        return " ".join(capsys.readouterr().err.split())

    return said


@pytest.mark.parametrize(
    ("error", "why", "remedy"),
    [
        (of_errno(errno.ENOSPC), "no space is left there", "Free some space"),
        (of_errno(errno.EDQUOT), "no space is left there", "Free some space"),
        (of_errno(errno.EROFS), "may not (Read-only file system)", "set DANDELION_HOME"),
        (of_errno(errno.EACCES), "may not (Permission denied)", "Give this user the permission"),
        (of_errno(errno.EMFILE), "too many files", "ulimit -n"),
        (of_errno(errno.EADDRINUSE), "another program listens there", "choose other ports"),
        (sqlite3.OperationalError("database is locked"), "another process holds", "again"),
        (sqlite3.OperationalError("database or disk is full"), "no space", "Free some"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "may not", "permission"),
        (sqlite3.DatabaseError("file is not a database"), "it is damaged", "Move the file away"),
        (MlflowException("The run is gone."), "it answered: The run is gone", "See that MLflow"),
        (dg.DagsterInvariantViolationError("no dagster.yaml"), "no dagster.yaml", "Correct what"),
        (ValueError("seven"), "ValueError: seven", "please report it"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_error_of_a_library_is_one_message_and_its_traceback_a_file(
    ended: Callable[[Exception], str], tmp_path: Path, error: Exception, why: str, remedy: str
) -> None:
    said = ended(error)
    assert why in said
    assert remedy in said
    assert "Traceback" not in said
    (kept,) = tmp_path.iterdir()
    assert str(kept) in said
    assert type(error).__name__ in kept.read_text()


def test_the_cause_of_an_error_counts_and_one_of_ours_needs_no_traceback(
    ended: Callable[[Exception], str], tmp_path: Path
) -> None:
    wrapped = RuntimeError("a step failed")
    wrapped.__cause__ = of_errno(errno.ENOSPC)
    assert "no space is left" in ended(wrapped)
    wrapped.__cause__ = SourceError("the folder", "it is empty", "Put photos there")
    assert "it is empty" in ended(wrapped)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_traceback_is_shown_to_those_who_want_it(
    ended: Callable[[Exception], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(boundary.DEBUG, "1")
    with pytest.raises(ValueError, match="seven"):
        ended(ValueError("seven"))


@pytest.mark.parametrize("given", ["dagster", "~/dagster", "it's mine/dagster", ""])
def test_dagster_gets_an_absolute_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", given)
    home = prepare_dagster_home(Settings(home=Path("here's home")))
    folder = given.replace("~", ".") if given else "here's home/dagster"
    assert home == tmp_path / folder
    assert os.environ["DAGSTER_HOME"] == str(home)
    assert (home / "dagster.yaml").exists()


def test_a_folder_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "dagster"))
    with pytest.raises(SettingsError, match="Correct DAGSTER_HOME"):
        prepare_dagster_home(Settings(home=tmp_path))
    for home in ("~nobody-has-this-name/x", str(tmp_path / "why?"), str(tmp_path / "50%25")):
        monkeypatch.setenv("DANDELION_HOME", home)
        with pytest.raises(SettingsError, match="DANDELION_HOME"):
            load_settings()
    monkeypatch.setenv("DANDELION_HOME", str(tmp_path / "it's 50% off, #1"))
    assert load_settings().folder == tmp_path / "it's 50% off, #1"


def test_services_start_from_a_path_with_an_apostrophe(tmp_path: Path) -> None:
    folder = tmp_path / "Anna's $HOME"
    folder.mkdir()
    program = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    command = [sys.executable, "-c", program, str(folder / "done"), 'it\'s "$HOME"']
    _serve([Service("one", "a program", 1, command)], None, [])
    assert (folder / "done").read_text() == 'it\'s "$HOME"'
