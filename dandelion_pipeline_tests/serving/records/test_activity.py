"""What was answered of late: each answer counts once, in its minute."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dandelion_pipeline.errors import StoreUnavailable
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.predictions import write_predictions
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo, publish
from dandelion_pipeline_tests.serving.conftest import StartApi, wait_until
from serving.api.problems import ApiProblem
from serving.records import activity
from serving.records.activity import RecentAnswers


@pytest.fixture(autouse=True)
def look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "_FRESH_SECONDS", -1.0)


def row(when: datetime, label: str = "grass", confidence: float = 0.9, ms: float = 3) -> Any:  # noqa: ANN401
    texts = ("model_version", "data_hash", "dagster_run", "mlflow_run", "photo_sha256", "format")
    return {
        **dict.fromkeys(texts, ""),
        **dict.fromkeys(("width", "height", "bytes", "batch"), 1),
        **dict.fromkeys(("decode_ms", "queue_ms", "infer_ms"), ms / 3),
        "prediction_id": uuid4().hex,
        "request_id": "",
        "when": when,
        "label": label,
        "confidence": confidence,
        "classes": [label],
        "probabilities": [confidence],
    }


def put(store: Store, *rows: Any) -> str:  # noqa: ANN401
    """A table, as the log writes them."""
    first = min(one["when"] for one in rows)
    name = f"{int(first.timestamp() * 1e9):020d}-{uuid4().hex[:12]}"
    write_predictions(store, f"{first:%Y-%m-%d}", name, rows)
    return layout.predictions(f"{first:%Y-%m-%d}", name)


def photos(store: Store, recent: RecentAnswers | None = None, minutes: int = 180) -> Counter[str]:
    found: Counter[str] = Counter()
    for minute in (recent or RecentAnswers(store)).last(minutes).minutes:
        found.update(minute.photos)
    return found


@given(
    tables=st.lists(
        st.lists(
            st.tuples(st.integers(0, 3 * 3600 - 120), st.sampled_from(["dandelion", "grass"])),
            min_size=1,
            max_size=5,
        ),
        max_size=6,
    )
)
@settings(max_examples=20, deadline=None)
def test_every_answer_of_the_last_hours_counts_once_however_often_one_looks(
    tables: list[list[tuple[int, str]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = open_store(tmp_path_factory.mktemp("store").as_uri())
    recent = RecentAnswers(store)
    now = datetime.now(UTC)
    for answers in tables:
        put(store, *(row(now - timedelta(seconds=ago), label) for ago, label in answers))
        recent.last(180)
    expected = Counter(label for answers in tables for _, label in answers)
    assert photos(store, recent) == photos(store) == expected


def test_a_minute_has_its_mean_confidence_and_latencies(store: Store) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    put(
        store,
        *(row(now, "dandelion", 0.8, ms=4) for _ in range(98)),
        *(row(now, "grass", 0.6, ms=400) for _ in range(2)),
        row(now - timedelta(minutes=5), "grass", 1.0),
    )
    before, minute = RecentAnswers(store).last(60).minutes
    assert before.photos == {"grass": 1}
    assert minute.start == now.isoformat(timespec="seconds")
    assert minute.photos == {"dandelion": 98, "grass": 2}
    assert minute.confidence == pytest.approx(0.796)
    assert minute.median_ms == pytest.approx(4, rel=0.03)
    assert minute.late_ms == pytest.approx(400, rel=0.03)


def test_what_is_older_than_was_asked_for_is_left_out(store: Store) -> None:
    now = datetime.now(UTC)
    put(store, row(now - timedelta(minutes=20)))
    assert not photos(store, minutes=10)
    assert photos(store, minutes=30) == {"grass": 1}


def test_a_damaged_table_costs_its_own_rows_and_no_others(store: Store) -> None:
    now = datetime.now(UTC)
    put(store, row(now, "dandelion"))
    damaged = put(store, row(now, "grass"))
    store.put(damaged, store.get(damaged)[:-20])
    assert photos(store) == {"dandelion": 1}


def test_a_store_that_goes_away_in_the_middle_counts_nothing_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    good, damaged, last = sorted(put(store, row(now)) for _ in range(3))
    store.put(damaged, store.get(damaged)[:-20])
    get = Store.get
    recent = RecentAnswers(store)
    with monkeypatch.context() as patched:

        def away(self: Store, key: str) -> bytes:
            if key == last:
                raise StoreUnavailable("the store", "it is away", "Wait")
            return get(self, key)

        patched.setattr(Store, "get", away)
        with pytest.raises(ApiProblem):
            recent.last(60)
    assert good != last
    assert photos(store, recent) == {"grass": 2}


def test_the_api_tells_what_it_answered(store: Store, start_api: StartApi) -> None:
    publish(store, "first")
    api = start_api(log_seconds=0.1)
    for colour in (YELLOW, GREEN, GREEN):
        api.post("/predict", files={"file": photo(colour)}).raise_for_status()

    def told() -> dict[str, int]:
        minutes = api.get("/activity").json()["minutes"]
        return dict(sum((Counter(one["photos"]) for one in minutes), Counter()))

    wait_until(lambda: told() == {"dandelion": 1, "grass": 2})
    for minutes in (0, 181):
        assert api.get("/activity", params={"minutes": minutes}).status_code == 422


def test_quantiles_are_right_to_three_percent() -> None:
    milliseconds = np.geomspace(0.05, 60_000, 997).astype(np.float32)
    for one in milliseconds:
        counted = np.bincount(activity._bin(np.array([one])), minlength=activity._BINS)
        assert activity._quantile(counted, 0.5) == pytest.approx(float(one), rel=0.03)
