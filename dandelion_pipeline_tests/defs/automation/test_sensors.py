import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from dandelion_pipeline.defs.automation.sensors import sensors
from dandelion_pipeline.settings import Settings
from dandelion_pipeline_tests.ingest.two_photos import DAY


def sensor(name: str, **settings: object) -> dg.SensorDefinition:
    return {s.name: s for s in sensors(Settings.model_validate(settings))}[name]


def test_every_sensor_runs_unless_somebody_stops_it() -> None:
    for each in sensors(Settings()):
        assert each.default_status is dg.DefaultSensorStatus.RUNNING


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
