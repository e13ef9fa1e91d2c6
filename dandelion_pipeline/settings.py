"""What the environment decides: where things live, and the salt of the split."""

import re
from functools import cache
from pathlib import Path
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from dandelion_pipeline.errors import SettingsError


class Settings(BaseSettings):
    """The settings of the pipeline. docs/settings.md lists them all."""

    model_config = SettingsConfigDict(env_prefix="DANDELION_", frozen=True, populate_by_name=True)

    home: Path = Path(".dandelion")
    """The folder of the embedded defaults."""

    store_url: str = ""
    """``file:///…`` or ``s3://bucket/prefix``; empty means a folder under ``home``."""

    split_salt: str = "2026"
    """The order in which new photos are dealt to splits; photos that have a split keep it."""

    mlflow_tracking_uri: str = Field(default="", validation_alias="MLFLOW_TRACKING_URI")
    """An MLflow server; empty means a SQLite file under ``home``."""

    mlflow_ui_url: str = ""
    """Where people open MLflow, if that is another address than ``MLFLOW_TRACKING_URI``."""

    mlflow_port: int = Field(default=5001, ge=1, le=65535)
    """Where `make up` serves the embedded MLflow on loopback."""

    ingest_cron: str = "0 6 * * *"
    """When days with new photos are taken in (cron)."""

    train_cron: str = "0 3 * * 1"
    """When a model is made of what came in since the last (cron)."""

    timezone: str = "UTC"
    """The time zone of all, such as ``Europe/Berlin``. Landing days are UTC days always."""

    landing_threshold: int = Field(default=20, ge=0)
    """So many new files in a day's landing folder are taken in at once, not at the daily time."""

    owner: str = "team:ml"
    """Whose the assets are in Dagster: an e-mail address, or ``team:`` and a name."""

    alert_webhook: SecretStr | None = None
    """An URL that a JSON document is posted to when a run has failed for good."""

    maintenance_cron: str = "0 4 * * 0"
    """When the store is checked, and what nobody needs is removed (cron); empty for never."""

    keep_landing_days: int | None = Field(default=None, ge=1)
    """How long landed files stay whose photos are taken in; None for ever."""

    keep_predictions_days: int | None = Field(default=None, ge=1)
    """How long logged answers stay; None for ever."""

    keep_step_output_days: int | None = Field(default=None, ge=1)
    """How long Dagster's compute logs stay; None for ever."""

    airflow_url: str = ""
    """Where the legacy Airflow answers; empty if there is none."""

    airflow_ui_url: str = ""
    """Where people open Airflow, if that is another address than ``airflow_url``."""

    airflow_user: str = ""
    """Who reads Airflow's REST API."""

    airflow_password: SecretStr | None = None
    """Their password."""

    @field_validator(
        "keep_landing_days", "keep_predictions_days", "keep_step_output_days", mode="before"
    )
    @classmethod
    def _nothing_is_for_ever(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, value: str) -> str:
        if value not in _timezones():
            raise ValueError("it is no IANA time zone, such as UTC or Europe/Berlin")
        return value

    @field_validator("owner")
    @classmethod
    def _is_owner(cls, value: str) -> str:
        if not _OWNER.fullmatch(value):
            raise ValueError("it is no e-mail address, nor team: and a name")
        return value

    @property
    def folder(self) -> Path:
        """``home`` as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def store(self) -> str:
        """The store's URL, with the embedded default filled in."""
        return self.store_url or (self.folder / "store").as_uri()

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI, with the embedded default filled in."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def mlflow_ui(self) -> str:
        """Where people open MLflow: the base of all links to it, with no password in it."""
        served = self.mlflow_tracking_uri.startswith(("http:", "https:"))
        base = self.mlflow_ui_url or (self.mlflow_tracking_uri if served else "")
        base = base or f"http://127.0.0.1:{self.mlflow_port}"
        return re.sub(r"://[^/@\s]*@", "://", base).rstrip("/")

    @property
    def mlflow_artifacts(self) -> Path:
        """Where the embedded MLflow keeps plots and files."""
        return self.folder / "mlartifacts"

    @property
    def dagster_home(self) -> Path:
        """Where the embedded Dagster keeps runs, events and schedules."""
        return self.folder / "dagster"

    @property
    def cache(self) -> Path:
        """Local copies that can be thrown away at any time."""
        return self.folder / "cache"


def absolute_folder(variable: str, path: str) -> Path:
    """The folder that a variable names, absolute: ``~`` and relative paths are fine.

    Raises:
        SettingsError: databases cannot lie there.
    """
    try:
        folder = Path(path).expanduser().resolve()
    except (RuntimeError, OSError, ValueError) as error:  # no such user, a loop of links, a NUL
        raise SettingsError(
            f"the folder {path!r}", f"it cannot be found ({error})", f"Correct {variable}"
        ) from None
    odd = _MISREAD_IN_A_URL.search(str(folder))
    if odd:
        raise SettingsError(
            f"the folder {folder}",
            f"its path holds {odd.group()!r}, which means something else in the URL of a database",
            f"Set {variable} to a folder without it",
        )
    return folder


_OWNER = re.compile(r"team:.+|[^@\s]+@[^@\s]+\.[^@\s]+")

# A question mark ends the path; a percent sign before two hex digits stands for another character.
_MISREAD_IN_A_URL = re.compile(r"\?|%[0-9A-Fa-f]{2}")


@cache
def _timezones() -> frozenset[str]:
    """All of them; to look for them takes 20 ms, and each tick of a sensor reads the settings."""
    return frozenset(available_timezones())


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable has a value that makes no sense.
    """
    try:
        settings = Settings()
        absolute_folder("DANDELION_HOME", str(settings.home))
        return settings
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(
            f"setting DANDELION_{str(first['loc'][0]).upper()}",
            f"{first['msg']} (it is {first['input']!r})",
            "Correct the environment variable; docs/settings.md lists all settings",
        ) from None
