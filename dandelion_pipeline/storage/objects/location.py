"""Where a store lies: from a URL and the S3 settings to a `Store`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from obstore import exceptions as refused
from obstore.store import LocalStore, S3Store

from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.storage.objects.certificates import trusted_certificates
from dandelion_pipeline.storage.objects.retries import MAX_ATTEMPTS
from dandelion_pipeline.storage.objects.store import Backends, Store

if TYPE_CHECKING:  # obstore has these for type checkers alone
    from obstore.store import ClientConfig, RetryConfig, S3Config, S3CredentialProvider


@dataclass(frozen=True)
class S3Options:
    """How to reach S3. What is None comes from the standard ``AWS_*`` variables."""

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    profile: str | None = None
    """A profile of the AWS configuration files; takes boto3, which dagster-aws brings."""

    anonymous: bool = False
    """Send requests without a signature."""

    verify: bool = True
    """Whether TLS certificates are checked."""

    max_attempts: int = MAX_ATTEMPTS
    """Tries of one request, the first included."""


def open_store(url: str, s3: S3Options | None = None) -> Store:
    """Open the store that a URL names. Opening reads and writes nothing on S3.

    Args:
        url: ``file:///folder`` (made if it is missing) or ``s3://bucket/prefix``.
        s3: how to reach S3; by default as the standard ``AWS_*`` variables say.

    Raises:
        SettingsError: the URL is of another form, the folder cannot be made, or an
            endpoint has no keys or is no URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path and parts.netloc in ("", "localhost"):
        return Store(Backends.one(_local_folder(Path(unquote(parts.path)))), url)
    if parts.scheme == "s3" and parts.netloc:
        s3 = s3 or S3Options()
        return Store(_s3(url, s3), url, s3.max_attempts)
    raise SettingsError(
        f"the store's URL {url!r}",
        "it is neither file:///folder nor s3://bucket/prefix",
        "Correct DANDELION_STORE_URL",
    )


# An endpoint that does not answer is given up within 15 seconds: tries start in the first 8
# only (see `retries`), connecting may take 4, and silence 6. Data that trickles in may take
# minutes. Uploads are silent until they are done, so larger ones are given longer.
_CONNECT = timedelta(seconds=4)
_OVERALL = timedelta(minutes=10)
_SILENCE = timedelta(seconds=6)
_SILENCE_CONTENDED = timedelta(seconds=14)  # others may be writing the same key
_SILENCE_LARGE = timedelta(minutes=1)
_RETRIES: RetryConfig = {"max_retries": 0}  # see `retries`


def _s3(url: str, s3: S3Options) -> Backends:
    endpoint = s3.endpoint_url or _environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    _check_endpoint(url, endpoint)
    _check_bucket(url)
    provider = _profile(url, s3)
    if endpoint and not provider:
        _check_keys(url, endpoint, s3)
    plain = (endpoint or "").startswith("http://")

    def backend(silence: timedelta) -> S3Store:
        return _backend(url, s3, provider, _client(s3, silence, plain_http=plain))

    return Backends(
        usual=backend(_SILENCE),
        contended=backend(_SILENCE_CONTENDED),
        large=backend(_SILENCE_LARGE),
        huge=backend(_OVERALL),
        keeps_checksums=True,
    )


def _client(s3: S3Options, silence: timedelta, *, plain_http: bool) -> ClientConfig:
    client: ClientConfig = {
        "connect_timeout": _CONNECT,
        "read_timeout": silence,
        "timeout": _OVERALL,
        "allow_http": plain_http,
        "allow_invalid_certificates": not s3.verify,
    }
    certificates = b"" if plain_http or not s3.verify else trusted_certificates()
    if certificates:
        client["root_certificate"] = certificates
    return client


def _backend(
    url: str, s3: S3Options, provider: S3CredentialProvider | None, client: ClientConfig
) -> S3Store:
    parts = urlsplit(url)
    given: dict[str, str | bool | None] = {
        "endpoint": s3.endpoint_url,
        "region": s3.region,
        "access_key_id": s3.access_key_id,
        "secret_access_key": s3.secret_access_key,
        "session_token": s3.session_token,
        "skip_signature": s3.anonymous or None,
        # Signatures hold a hash of the body, but not every server compares it (SeaweedFS 4.48
        # does not); this header every server compares that knows it.
        "checksum_algorithm": "SHA256",
    }
    config: S3Config = {k: v for k, v in given.items() if v is not None}  # type: ignore[assignment]
    try:
        return S3Store(
            parts.netloc,
            prefix=unquote(parts.path).strip("/") or None,
            config=config,
            client_options=client,
            retry_config=_RETRIES,
            credential_provider=provider,
        )
    except (refused.BaseError, ValueError) as error:
        raise SettingsError(
            f"the store {url}",
            f"S3 cannot be reached with these settings ({str(error).splitlines()[0]})",
            "Correct DANDELION_STORE_URL, AWS_ENDPOINT_URL and the other AWS_ variables",
        ) from None


def _check_bucket(url: str) -> None:
    bucket = urlsplit(url).netloc
    if not _BUCKET.fullmatch(bucket):
        raise SettingsError(
            f"the bucket {bucket!r} of the store {url}",
            "no bucket can have this name: 3 to 63 small letters, digits, dots and hyphens",
            "Correct DANDELION_STORE_URL",
        )


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _check_endpoint(url: str, endpoint: str | None) -> None:
    if not endpoint:
        return
    parts = urlsplit(endpoint)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise SettingsError(
            f"the endpoint {endpoint!r} of the store {url}",
            "it is no URL of the form http://host:port or https://host",
            "Correct AWS_ENDPOINT_URL, for example to http://127.0.0.1:9000",
        )


def _check_keys(url: str, endpoint: str, s3: S3Options) -> None:
    """Without keys, obstore would ask Amazon's metadata service, and hang where there is none."""
    if s3.anonymous or _environment("AWS_SKIP_SIGNATURE"):
        return
    given = {
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
    }
    missing = [name for name, value in given.items() if not (value or _environment(name))]
    if missing:
        raise SettingsError(
            f"the store {url} at {endpoint}",
            f"{' and '.join(missing)} not set",
            "Set both keys; for a server that asks for none, set AWS_SKIP_SIGNATURE=true",
        )


def _profile(url: str, s3: S3Options) -> S3CredentialProvider | None:
    """The keys of a named profile; obstore itself does not read AWS's configuration files."""
    name = s3.profile or (None if s3.access_key_id else _environment("AWS_PROFILE"))
    if not name or (not s3.profile and _environment("AWS_ACCESS_KEY_ID")):
        return None
    try:
        from boto3.session import Session  # noqa: PLC0415  the serving image has no boto3
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            f"the store {url}",
            f"the profile {name!r} takes boto3, which is not installed here",
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install boto3",
        ) from None
    try:
        return Boto3CredentialProvider(Session(profile_name=name))
    except (BotoCoreError, ValueError) as error:
        raise SettingsError(
            f"the store {url}", f"the profile cannot be used ({error})", "Correct AWS_PROFILE"
        ) from None


def _environment(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _local_folder(folder: Path) -> LocalStore:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)
    except OSError as error:
        raise SettingsError(
            f"the store's folder {folder}",
            f"it cannot be used ({error.strerror})",
            "Correct DANDELION_STORE_URL or DANDELION_HOME, or the folder's permissions",
        ) from None
