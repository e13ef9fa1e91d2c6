"""The compute logs of the compose stack, against a real S3 server."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import obstore
import pytest
import yaml  # type: ignore[import-untyped]
from dagster._core.instance.config import PoolGranularity
from obstore.store import S3Store

from dandelion_pipeline_tests.servers.seaweedfs import S3Server

CONFIG = Path(__file__).parents[3] / "docker" / "dagster" / "dagster.yaml"
SPOKEN = "a line that only this step prints"


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket's name, with the environment that dagster.yaml asks for."""
    name = urlsplit(s3_server.url).netloc
    region = s3_server.environment.get("AWS_REGION", "us-east-1")
    amazon = {"AWS_REGION": region, "AWS_ENDPOINT_URL": f"https://s3.{region}.amazonaws.com"}
    variables = {**amazon, **s3_server.environment, "DANDELION_BUCKET": name}
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    return name


def start_instance(home: Path, patch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """The instance of docker/dagster/dagster.yaml, as on a machine that has run nothing yet.

    With SQLite: PostgreSQL has nothing to do with what is tested here.
    """
    home.mkdir()
    config = yaml.safe_load(CONFIG.read_text())
    del config["storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    patch.setenv("DAGSTER_HOME", str(home))
    # Where logs wait to be sent, and where they are put when read: /tmp, which tests would share.
    patch.setattr("dagster_shared.seven.get_system_temp_directory", lambda: str(home))
    return dg.DagsterInstance.get()


@pytest.fixture
def instance(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    with start_instance(tmp_path / "home", monkeypatch) as started:
        yield started


@dg.asset
def talkative() -> None:
    print(SPOKEN)  # noqa: T201 - it is what this asset is for


@dg.asset
def silent() -> None:
    pass


def materialise(asset: dg.AssetsDefinition, instance: dg.DagsterInstance) -> list[str]:
    """Returns the key under which the instance keeps what the step printed."""
    result = dg.materialize([asset], instance=instance)
    (captured,) = (e for e in result.all_events if e.event_type_value == "LOGS_CAPTURED")
    return [result.run_id, "compute_logs", captured.logs_captured_data.file_key]


def test_what_a_step_prints_lands_in_the_bucket(instance: dg.DagsterInstance, bucket: str) -> None:
    log_key = materialise(talkative, instance)
    store = S3Store(bucket, client_options={"allow_http": True})
    stored = obstore.get(store, f"compute-logs/storage/{'/'.join(log_key)}.out")
    assert SPOKEN in bytes(stored.bytes()).decode()


def test_another_machine_reads_the_output_back(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_key = materialise(talkative, instance)
    with start_instance(tmp_path / "elsewhere", monkeypatch) as elsewhere:
        assert not list(tmp_path.rglob("*.out"))
        stdout = elsewhere.compute_log_manager.get_log_data(log_key).stdout
        assert list((tmp_path / "elsewhere").rglob("*.out"))  # fetched, not lying there before
    assert stdout is not None
    assert SPOKEN in stdout.decode()


def test_an_empty_output_is_not_stored(instance: dg.DagsterInstance, bucket: str) -> None:
    run, *_ = materialise(silent, instance)
    store = S3Store(bucket, client_options={"allow_http": True})
    stored = [
        o["path"] for page in obstore.list(store, f"compute-logs/storage/{run}") for o in page
    ]
    assert not [key for key in stored if key.endswith(".out")]


@pytest.mark.parametrize("variable", ["DANDELION_BUCKET", "AWS_ENDPOINT_URL", "AWS_REGION"])
def test_a_missing_variable_is_named(
    variable: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable)
    with (
        pytest.raises(dg.DagsterInvalidConfigError, match=variable),
        start_instance(tmp_path / "home", monkeypatch) as instance,
    ):
        assert instance.compute_log_manager


def test_trainings_run_one_at_a_time_and_dead_runs_are_noticed_within_a_minute(
    instance: dg.DagsterInstance,
) -> None:
    pools = instance.get_concurrency_config().pool_config
    assert (pools.default_pool_limit, pools.pool_granularity) == (1, PoolGranularity.RUN)
    assert instance.run_monitoring_enabled
    assert instance.run_launcher.supports_check_run_worker_health
    assert instance.run_monitoring_poll_interval_seconds <= 30  # two looks, and some time to act
    assert instance.run_monitoring_max_runtime_seconds == 86_400  # or what hangs keeps its slot
    assert instance.run_retries_enabled
    assert not instance.run_retries_retry_on_asset_or_op_failure


def test_the_password_of_the_database_comes_from_the_environment() -> None:
    database = yaml.safe_load(CONFIG.read_text())["storage"]["postgres"]["postgres_db"]
    assert database.pop("scheme") == "postgresql+psycopg2"  # the driver of dagster-postgres
    assert all(value.keys() == {"env"} for value in database.values())
    assert "password" in database
