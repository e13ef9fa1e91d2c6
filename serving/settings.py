"""What the environment decides for the API: its store, who may ask, where it listens."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dandelion_pipeline.errors import SettingsError

Precision = Literal["auto", "int8", "fp32"]
"""What an operator wants: the graph that was judged, or one of the two whatever was."""


class Settings(BaseSettings):
    """The settings of the API. docs/settings.md lists them all."""

    model_config = SettingsConfigDict(
        env_prefix="DANDELION_", frozen=True, hide_input_in_errors=True
    )

    home: Path = Path(".dandelion")
    """The folder of the embedded defaults."""

    store_url: str = ""
    """``file:///…`` or ``s3://bucket/prefix``; empty means a folder under ``home``."""

    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Who may ask: any of these keys opens the API. In the environment: separated by commas. Each
    as it is, or as ``sha256:`` and its digest in hex."""

    api_keys_file: Path | None = None
    """More keys, one a line; read again when it changes."""

    api_host: str = "127.0.0.1"
    """The address to listen on. Any but this machine's own needs at least one key."""

    api_port: int = Field(default=8000, ge=1, le=65535)
    """The port to listen on."""

    workers: int = Field(default=1, ge=1, le=64)
    """How many processes answer on the port; each holds a model of its own."""

    poll_seconds: float = Field(default=2.0, ge=0.05, le=3600)
    """How often the API looks whether another model went live."""

    precision: Precision = "auto"
    """In which numbers a model answers: ``auto`` for those that it was judged in; ``int8`` is two
    to five times as fast as ``fp32``."""

    int8: bool = True
    """False is an older name of ``precision`` ``fp32``, where that says ``auto``."""

    rate_per_second: float = Field(default=0.0, ge=0, le=1_000_000)
    """How often each key, or each address without one, may ask; 0 sets no limit."""

    queue: int = Field(default=128, ge=1, le=100_000)
    """How many photos may be decoded, wait or be inferred at once; more are answered with 503."""

    deadline_seconds: float = Field(default=5.0, gt=0, le=600)
    """How long a photo may wait for its turn before it is answered with 503."""

    prediction_log: bool = True
    """Whether every answer is kept, as a row of a Parquet table below ``predictions/``."""

    log_seconds: float = Field(default=10.0, ge=0.1, le=3600)
    """How often the prediction log goes from this disk to the store."""

    log_max_mb: int = Field(default=200, ge=1, le=1_000_000)
    """How many megabytes the prediction log may take on this disk while the store is away."""

    keep_photos: bool = False
    """Whether the photos that were answered are kept in the store, too."""

    @field_validator("api_keys", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(key.strip() for key in value.split(",") if key.strip())

    @field_validator("api_keys")
    @classmethod
    def _fit_into_a_header(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            text = key.get_secret_value()
            if not (text.isascii() and text.isprintable() and " " not in text):
                raise ValueError("a key may hold printable ASCII characters only, and no blanks")
        return keys

    @property
    def precision_wanted(self) -> Precision:
        """``precision``, or what ``int8`` says of it."""
        return "fp32" if self.precision == "auto" and not self.int8 else self.precision

    @property
    def asks_for_keys(self) -> bool:
        """Whether not everybody may ask."""
        return bool(self.api_keys) or self.api_keys_file is not None

    @property
    def store(self) -> str:
        """The store's URL, with the embedded default filled in."""
        return self.store_url or (self.home.expanduser().resolve() / "store").as_uri()

    @property
    def listens_to_this_machine_only(self) -> bool:
        """Whether ``api_host`` is a loopback address."""
        return is_this_machine(self.api_host)


def is_this_machine(name: str) -> bool:
    """Whether a host name, or an address without brackets, is a loopback one."""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a variable has a value that makes no sense, or the API would listen
            to other machines without asking for a key.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        raise _senseless(error) from None
    if not settings.asks_for_keys and not settings.listens_to_this_machine_only:
        raise SettingsError(
            f"the API on {settings.api_host or 'every address'}",
            "it would answer other machines, and no API key is set",
            "Set DANDELION_API_KEYS or DANDELION_API_KEYS_FILE, "
            "or listen on 127.0.0.1 (DANDELION_API_HOST)",
        )
    return settings


def _senseless(error: ValidationError) -> SettingsError:
    first = error.errors()[0]
    name = str(first["loc"][0])
    value = "" if name == "api_keys" else f" (it is {first['input']!r})"  # keys stay secret
    return SettingsError(
        f"setting DANDELION_{name.upper()}",
        f"{first['msg']}{value}",
        "Correct the environment variable; docs/settings.md lists all settings",
    )
