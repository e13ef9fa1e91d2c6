import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest
from dagster._core.execution.build_resources import wrap_resources_for_execution

from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.automation.sensors import landing_requests, sensors
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.ingest.landing import today
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.ingest.two_photos import DAY, NEXT, ingest

NOON = datetime(2025, 5, 1, 12, tzinfo=UTC)
TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"


def files(day: str, number: int, modified: datetime = NOON) -> list[StoredObject]:
    return [
        StoredObject(layout.landing_photo(day, "grass", f"{n}.jpg"), 100, modified)
        for n in range(number)
    ]


@pytest.mark.parametrize(
    ("waiting", "asked"),
    [
        ({}, []),
        ({DAY: 3}, []),
        ({DAY: 4}, [DAY]),
        ({DAY: 30, NEXT: 2}, [DAY]),
        ({DAY: 4, NEXT: 4}, [DAY, NEXT]),
        ({"2024-12-31": 9, TOMORROW: 9, today(): 9}, [today()]),
    ],
)
def test_a_day_is_asked_for_once_enough_new_files_lie_there(
    waiting: dict[str, int], asked: list[str]
) -> None:
    found = {day: files(day, number) for day, number in waiting.items()}
    assert [request.partition_key for request in landing_requests(found, 3)] == asked


def test_the_same_files_have_the_same_key_and_others_another() -> None:
    def key(found: list[StoredObject]) -> str | None:
        (request,) = landing_requests({DAY: found}, 3)
        return request.run_key

    same = key(files(DAY, 4))
    assert key(files(DAY, 4)[::-1]) == same
    assert key(files(DAY, 5)) != same
    assert key(files(DAY, 4, NOON + timedelta(seconds=1))) != same


def sensor(name: str, **settings: object) -> dg.SensorDefinition:
    return {s.name: s for s in sensors(Settings.model_validate(settings))}[name]


def test_every_sensor_runs_unless_somebody_stops_it() -> None:
    for each in sensors(Settings()):
        assert each.default_status is dg.DefaultSensorStatus.RUNNING


def looked(
    instance: dg.DagsterInstance, store: StoreResource, threshold: int
) -> tuple[list[dg.RunRequest], str]:
    """What the landing sensor asks for, and why it does not."""
    landing = sensor("landing_sensor", landing_threshold=threshold)
    with dg.SensorEvaluationContext(  # as the daemon makes it
        instance_ref=instance.get_ref(),
        last_tick_completion_time=None,
        last_run_key=None,
        cursor=None,
        repository_name=None,
        repository_def=defs.get_repository_def(),
        resources=wrap_resources_for_execution({"store": store}),
    ) as context:
        tick = landing.evaluate_tick(context)
        return list(tick.run_requests or []), tick.skip_message or ""


def test_the_landing_sensor_looks_into_the_store(
    store: Store, instance: dg.DagsterInstance
) -> None:
    resource = StoreResource(url=store.url)
    assert "0 new files" in looked(instance, resource, 1)[1]
    for number in range(2):
        store.put(layout.landing_photo(DAY, "grass", f"{number}.jpg"), photo((number, 99, 9)))
    assert "2 new files; a day is taken in above 2" in looked(instance, resource, 2)[1]
    (request,), _ = looked(instance, resource, 1)
    assert request.partition_key == DAY
    ingest(store)
    assert looked(instance, resource, 0)[0] == []


def test_a_store_that_is_away_is_a_skip_with_the_reason(instance: dg.DagsterInstance) -> None:
    given = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    away = StoreResource.model_validate(
        {"url": "s3://bucket", "endpoint_url": "http://127.0.0.1:9", "max_attempts": 1, **given}
    )
    requests, why = looked(instance, away, 0)
    assert requests == []
    assert "AWS_ENDPOINT_URL" in why


class Webhook(BaseHTTPRequestHandler):
    """Takes what is posted, and answers as it is told to."""

    received: list[dict[str, str]] = []  # noqa: RUF012  one webhook at a time
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(json.loads(body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Webhook, "received", [])
    monkeypatch.setattr(Webhook, "status", 200)
    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook?token=secret"
        server.shutdown()
        thread.join()


@dg.asset(partitions_def=dg.StaticPartitionsDefinition([DAY]))
def broken() -> None:
    raise ValueError("the disk\nis on fire")


def alerted(instance: dg.DagsterInstance, tags: dict[str, str], webhook: str | None) -> str | None:
    """What the alert sensor does with a run that failed. Returns its reason to skip."""
    result = dg.materialize(
        [broken], instance=instance, partition_key=DAY, tags=tags, raise_on_error=False
    )
    context = dg.build_run_status_sensor_context(
        sensor_name="alert_sensor",
        dagster_event=result.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=result.dagster_run,
    ).for_run_failure()
    answer = sensor("alert_sensor", alert_webhook=webhook)(context)
    return answer.skip_message if isinstance(answer, dg.SkipReason) else None


def test_a_failed_run_raises_one_alert_that_names_step_day_and_reason(webhook: str) -> None:
    with dg.instance_for_test() as instance:
        assert alerted(instance, {}, webhook) is None
    (alert,) = Webhook.received
    assert alert["step"] == "broken"
    assert alert["partition"] == DAY
    assert alert["reason"] == "ValueError: the disk is on fire"
    assert alert["run_id"] in alert["text"]
    assert "failed in broken: ValueError" in alert["text"]


def test_a_run_that_is_tried_again_raises_no_alert_yet(webhook: str) -> None:
    with dg.instance_for_test() as instance:
        assert "tries this run again" in (
            alerted(instance, {"dagster/will_retry": "true"}, webhook) or ""
        )
    assert Webhook.received == []


@pytest.mark.parametrize("status", [404, 500])
def test_a_webhook_that_refuses_or_is_away_stops_nothing_and_leaks_no_secret(
    webhook: str, status: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Webhook, "status", status)
    with dg.instance_for_test() as instance:
        for place in (webhook, "http://127.0.0.1:9/hook?token=secret"):
            assert alerted(instance, {}, place) is None
    said = capsys.readouterr().err
    assert said.count("check DANDELION_ALERT_WEBHOOK") == 2
    assert "token=secret" not in said


def test_without_a_webhook_the_alert_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    with dg.instance_for_test() as instance:
        assert alerted(instance, {}, None) is None
    assert "failed in broken: ValueError: the disk is on fire" in capsys.readouterr().err
