"""What opens the S3 server of `--store s3`: variables, in a file that only its owner may read."""

import os
import re
import secrets
import shlex
from pathlib import Path

from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.settings import Settings

BUCKET = "dandelion"
STORE_URL = f"s3://{BUCKET}"
_REGION = "us-east-1"  # SeaweedFS has none; obstore signs for AWS_REGION, boto3 for the other
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def environment_file(settings: Settings) -> Path:
    """The file; a shell reads it with `.` (`source`)."""
    return settings.folder / "s3.env"


def endpoint_of(settings: Settings) -> str:
    """Where the server of this home was last; empty if there was none."""
    return _written(settings).get("AWS_ENDPOINT_URL", "")


def environment_of(settings: Settings, endpoint: str) -> dict[str, str]:
    """The variables that open the server, with the keys that the environment or the file has.

    Raises:
        SettingsError: the environment has one key of two.
    """
    return {
        "DANDELION_STORE_URL": STORE_URL,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": _REGION,
        "AWS_DEFAULT_REGION": _REGION,
        **(_given_keys() or _kept_keys(settings)),
    }


def keep_environment(settings: Settings, endpoint: str) -> dict[str, str]:
    """The same; keys are made if there are none, and the file is brought up to date.

    Keys that come from the environment alone are not written down.

    Raises:
        SettingsError: the environment has one key of two.
    """
    kept = _kept_keys(settings)
    if not _given_keys() and not kept:
        kept = dict(zip(_KEYS, (secrets.token_hex(10), secrets.token_hex(20)), strict=True))
    environment = environment_of(settings, endpoint) | (_given_keys() or kept)
    ours = all(environment[name] == kept.get(name) for name in _KEYS)
    public = {name: value for name, value in environment.items() if ours or name not in _KEYS}
    _write(environment_file(settings), public)
    return environment


def _write(path: Path, variables: dict[str, str]) -> None:
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)  # so that the mode below holds
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
        file.writelines(["# Opens the store of `make up STORE=s3`: . this-file\n", *lines])
    unfinished.replace(path)


def _written(settings: Settings) -> dict[str, str]:
    try:
        text = environment_file(settings).read_text()
    except FileNotFoundError:
        return {}
    pairs = re.findall(r"^export (\w+)=(.*)$", text, re.MULTILINE)
    return {name: "".join(shlex.split(value)) for name, value in pairs}


def _kept_keys(settings: Settings) -> dict[str, str]:
    written = _written(settings)
    return {name: written[name] for name in _KEYS} if set(_KEYS) <= set(written) else {}


def _given_keys() -> dict[str, str]:
    given = {name: os.environ[name] for name in _KEYS if os.environ.get(name)}
    if len(given) == 1:
        (there,) = given
        (missing,) = set(_KEYS) - {there}
        raise SettingsError(
            "the keys of the S3 server",
            f"{there} is set, and {missing} is not",
            "Set both, or neither: keys are then made once, and kept in the home's s3.env",
        )
    return given
