from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.errors import SettingsError, StoreDenied, StoreUnavailable
from dandelion_pipeline_tests.servers.seaweedfs import S3Server


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without any AWS settings."""
    for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def fields(server: S3Server) -> dict[str, Any]:
    """The fields of dagster-aws's S3Resource that reach the test server."""
    names = {
        "endpoint_url": "AWS_ENDPOINT_URL",
        "region_name": "AWS_REGION",
        "aws_access_key_id": "AWS_ACCESS_KEY_ID",
        "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    }
    return {field: server.environment[name] for field, name in names.items()}


@pytest.mark.usefixtures("bare")
def test_the_fields_of_dagsters_s3_resource_open_the_store(s3_server: S3Server) -> None:
    store = StoreResource(url=f"{s3_server.url}/fields", **fields(s3_server)).open()
    store.put("a", b"1")
    assert store.get("a") == b"1"


@pytest.mark.usefixtures("bare")
def test_the_fields_can_come_from_other_variables(
    s3_server: S3Server, bare: pytest.MonkeyPatch
) -> None:
    bare.setenv("PHOTOS_KEY", s3_server.environment["AWS_ACCESS_KEY_ID"])
    given = {**fields(s3_server), "aws_access_key_id": dg.EnvVar("PHOTOS_KEY")}

    @dg.asset
    def one(store: StoreResource) -> None:
        store.open().put("b", b"2")

    resource = StoreResource(url=f"{s3_server.url}/variables", **given)
    assert dg.materialize([one], resources={"store": resource}).success


def test_what_no_field_says_comes_from_the_standard_variables(s3_url: str) -> None:
    store = StoreResource(url=s3_url).open()
    store.put("a", b"1")
    assert store.exists("a")


def test_a_field_goes_before_a_variable(s3_url: str) -> None:
    resource = StoreResource(url=s3_url, aws_secret_access_key="wrong")  # noqa: S106
    with pytest.raises(StoreDenied, match="does not know these keys"):
        resource.open().get("a")


@pytest.mark.usefixtures("bare")
def test_a_profile_gives_the_keys(s3_server: S3Server, tmp_path: Path) -> None:
    given = fields(s3_server)
    (tmp_path / "credentials").write_text(
        f"[photos]\naws_access_key_id = {given.pop('aws_access_key_id')}\n"
        f"aws_secret_access_key = {given.pop('aws_secret_access_key')}\n"
    )
    url = f"{s3_server.url}/profile"
    StoreResource(url=url, profile_name="photos", **given).open().put("a", b"1")
    with pytest.raises(SettingsError, match=r"profile.*nobody.*Correct AWS_PROFILE"):
        StoreResource(url=url, profile_name="nobody", **given).open()


@pytest.mark.usefixtures("bare")
def test_the_standard_variable_names_a_profile_too(
    s3_server: S3Server, tmp_path: Path, bare: pytest.MonkeyPatch
) -> None:
    given = fields(s3_server)
    (tmp_path / "credentials").write_text(
        f"[photos]\naws_access_key_id = {given['aws_access_key_id']}\n"
        f"aws_secret_access_key = {given['aws_secret_access_key']}\n"
    )
    bare.setenv("AWS_PROFILE", "photos")
    bare.setenv("AWS_ENDPOINT_URL", given["endpoint_url"])
    bare.setenv("AWS_REGION", given["region_name"])
    StoreResource(url=f"{s3_server.url}/variable").open().put("a", b"1")


@pytest.mark.usefixtures("bare")
def test_one_attempt_is_one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    given: dict[str, Any] = {"endpoint_url": "http://127.0.0.1:9", **keys}
    resource = StoreResource(url="s3://bucket", max_attempts=1, **given)
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    with pytest.raises(StoreUnavailable):
        resource.open().get("a")
    assert pauses == []


def test_the_definitions_take_the_store_from_the_environment() -> None:
    assert defs.resources is not None
    assert defs.resources["store"] == StoreResource()
