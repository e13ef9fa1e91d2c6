"""The pages about the model and about what goes on, and both languages of all."""

from collections.abc import Callable

import httpx
import pytest
from streamlit.testing.v1 import AppTest

from dandelion_pipeline.release.decision import Criterion, decision_of, record
from dandelion_pipeline.release.manifest import CARD_HTML
from dandelion_pipeline.release.promotion import rollback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import (
    GREEN,
    YELLOW,
    calibration,
    knows_its_photos,
    metrics,
    photo,
    publish,
    put_bundle,
)
from dandelion_pipeline_tests.servers.processes import free_port
from dandelion_pipeline_tests.serving.conftest import StartApi, wait_until
from dandelion_pipeline_tests.serving.webapp.conftest import fine, html
from serving.webapp.components.counters import Counters


def model_page() -> None:
    from serving.webapp.views import model  # noqa: PLC0415  it runs alone, as a script

    model.draw()


def monitoring_page() -> None:
    from serving.webapp.views import monitoring  # noqa: PLC0415

    monitoring.draw()


Opened = Callable[[httpx.Client, Callable[[], None]], AppTest]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    def run(api: httpx.Client, page: Callable[[], None]) -> AppTest:
        monkeypatch.setenv("DANDELION_API_URL", str(api.base_url))
        return fine(AppTest.from_function(page, default_timeout=30).run())

    return run


def test_the_page_says_how_good_the_model_is_and_what_it_mistakes(
    store: Store, start_api: StartApi, opened: Opened
) -> None:
    measured = metrics(
        champion_version="zeroth",
        champion_accuracy=0.9,
        gained=4,
        lost=1,
        accuracy_interval=(0.87, 0.98),
        calibration=calibration((0.6, 0.5), (0.8, 0.9), (1.0, 1.0)),
    )
    publish(store, "first", metrics=measured)
    page = opened(start_api(), model_page)
    shown = html(page)
    assert "95.0%" in shown
    assert "87.0% to 98.0%" in shown
    assert "70.0%" in shown  # below it, the model is not sure
    for count in ("29", "28", "1", "2"):
        assert f">{count}</td>" in shown
    assert "predicted dandelion" in shown
    sections = ["Evaluation", "Data", "Provenance", "Comparison with the champion"]
    assert [header.value for header in page.header] == [*sections, "Release history"]
    parts = ["Recall and precision", "Confusion matrix", "Reliability"]
    assert [header.value for header in page.subheader] == parts
    assert shown.count("dd-under") == 5 + 3  # each says below its term what it means
    assert '<th scope="col">zeroth</th>' in shown
    assert ">4</td><td>1</td>" in shown
    assert len(page.get("vega_lite_chart")) == 1


def test_a_model_of_which_less_is_known_is_shown_with_what_is(
    store: Store, start_api: StartApi, opened: Opened
) -> None:
    publish(store, "first")
    page = opened(start_api(), model_page)
    assert "95.0%" in html(page)
    assert not page.get("vega_lite_chart")
    assert "Rejected challengers" not in [header.value for header in page.header]


def test_the_page_says_what_was_live_before_and_why(
    store: Store, start_api: StartApi, opened: Opened
) -> None:
    publish(store, "first")
    publish(store, "second")
    rollback(store, to=None, who="ada", why="calls <lawns> dandelion")
    shown = html(opened(start_api(), model_page))
    assert "first (live)" in shown
    assert "ada (rollback)" in shown
    assert "calls &lt;lawns&gt; dandelion" in shown


def test_rejected_challengers_are_named_with_the_reason(
    store: Store, start_api: StartApi, opened: Opened
) -> None:
    publish(store, "first")
    put_bundle(store, "worse")
    found = [
        Criterion(check="accuracy", says="it lost <9> photos", passed=False),
        Criterion(check="size", says="it is small", passed=True),
    ]
    record(store, decision_of("worse", "first", found, forced_because="", run="run"))
    page = opened(start_api(), model_page)
    assert "Rejected challengers" in [header.value for header in page.header]
    shown = html(page)
    assert '<th scope="row">worse</th>' in shown
    assert "it lost &lt;9&gt; photos</td>" in shown
    assert "it is small" not in shown


def test_the_card_and_the_report_are_shown_on_request_and_run_nothing(
    store: Store, start_api: StartApi, opened: Opened
) -> None:
    publish(store, "first", beside={CARD_HTML: b"<script>alert(1)</script>A card"})
    store.put(layout.report("d" * 64), b"A report")
    page = opened(start_api(), model_page)
    assert not page.get("iframe")
    for toggle in page.toggle:
        toggle.set_value(True)
    fine(page.run())
    frames = [element.proto.srcdoc for element in page.get("iframe")]
    assert [frame.rpartition(">")[2] for frame in frames] == ["A report", "A card"]
    for frame in frames:
        assert frame.startswith('<!DOCTYPE html><meta http-equiv="Content-Security-Policy"')
        assert "default-src 'none'" in frame
    assert len(page.get("download_button")) == 2


def test_what_a_model_lacks_is_said_where_it_was_asked_for(
    store: Store, start_api: StartApi, opened: Opened
) -> None:
    publish(store, "first")
    page = opened(start_api(), model_page)
    page.toggle[0].set_value(True)
    assert "There is no such model" in html(fine(page.run()))


@pytest.mark.parametrize("page", [model_page, monitoring_page])
def test_when_the_api_is_away_each_page_says_so(opened: Opened, page: Callable[[], None]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    shown = html(opened(httpx.Client(base_url=address), page))
    assert "The API does not answer" in shown
    assert address in shown


def test_monitoring_counts_requests_and_draws_predictions(
    store: Store, start_api: StartApi, opened: Opened
) -> None:
    publish(store, "first")
    api = start_api(log_seconds=0.1)
    assert "No predictions in the last 60 minutes" in html(opened(api, monitoring_page))
    for data in (photo(YELLOW), photo(GREEN), photo(GREEN), b"no photo"):
        api.post("/predict", files={"file": data})
    wait_until(lambda: "dandelion_log_rows_written_total 3.0" in api.get("/metrics").text)
    wait_until(lambda: len(opened(api, monitoring_page).get("vega_lite_chart")) == 3)
    shown = html(opened(api, monitoring_page))
    for term, figure in (
        ("Requests", "4"),
        ("Predictions", "3"),
        ("Rejected photos", "1"),
        ("Error rate", "0.0%"),
    ):
        assert f"<dt>{term}</dt><dd>{figure}</dd>" in shown
    assert ">1</td><td>2</td>" in shown  # by class, in the table beside the charts


def test_monitoring_counts_uncertain_predictions_and_other_kinds_of_photos(
    store: Store, start_api: StartApi, opened: Opened
) -> None:
    measured = metrics(calibration=calibration((0.6, 0.5), (0.8, 0.9), (1.0, 1.0)))
    publish(store, "first", **knows_its_photos(), metrics=measured)
    api = start_api()
    for colour in (GREEN, (150, 166, 45), (30, 40, 230), (40, 40, 240)):
        api.post("/predict", files={"file": photo(colour)})
    shown = html(opened(api, monitoring_page))
    assert "<dt>Predictions</dt><dd>4</dd>" in shown
    assert "<dt>Uncertain</dt><dd>1</dd>" in shown
    assert "<dt>Another kind of photo</dt><dd>2</dd>" in shown


def test_counters_add_up_over_workers_and_know_a_median() -> None:
    ours = 'method="POST",route="/predict",status="200",worker="0"'
    text = f"""# HELP dandelion_request_seconds Time
dandelion_request_seconds_bucket{{le="0.01",{ours}}} 1.0
dandelion_request_seconds_bucket{{le="0.05",{ours}}} 5.0
dandelion_request_seconds_bucket{{le="+Inf",{ours}}} 5.0
dandelion_request_seconds_count{{{ours}}} 5.0
dandelion_request_seconds_count{{method="POST",route="/predict/batch",status="503",worker="1"}} 3.0
dandelion_request_seconds_count{{method="GET",route="/metrics",status="200",worker="1"}} 99.0
dandelion_predictions_total{{label="a \\"b\\"",worker="0"}} 5.0
dandelion_predictions_total{{label="c",worker="1"}} 2.0
dandelion_photos_inside{{worker="0"}} 1.0
dandelion_photos_unsure_total{{worker="0"}} 2.0
dandelion_photos_unsure_total{{worker="1"}} 1.0
dandelion_photos_outside_total{{worker="1"}} 1.0
dandelion_last_look_age_seconds NaN
"""
    found = Counters.of(text)
    assert (found.requests, found.predictions, found.in_flight) == (8, 7, 1)
    assert (found.uncertain, found.outside) == (3, 1)
    assert found.error_rate == 3 / 8
    assert found.median_ms == pytest.approx(50)
    assert Counters.of("").median_ms is None
