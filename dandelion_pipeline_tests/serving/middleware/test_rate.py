"""Who asks too often is told when to come again; the others notice nothing."""

from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.serving.conftest import StartApi
from serving.middleware.rate import BURST_SECONDS, MOST_BUCKETS, Buckets


@given(
    rate=st.floats(0.1, 100),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_nobody_gets_more_than_a_burst_and_the_rate_and_who_waits_as_told_gets_in(
    rate: float, gaps: list[float]
) -> None:
    buckets, now, taken = Buckets(rate), 0.0, 0
    for gap in gaps:
        now += gap
        wait = buckets.take(b"me", now)
        taken += not wait
        assert taken <= max(1, rate * BURST_SECONDS) + rate * now + 1e-6
        if wait:
            now += wait + 1e-6
            assert buckets.take(b"me", now) == 0
            taken += 1


def test_clients_do_not_share_and_old_ones_are_forgotten() -> None:
    buckets = Buckets(1)
    assert [buckets.take(b"a", 0) > 0 for _ in range(3)] == [False, False, True]
    assert buckets.take(b"b", 0) == 0
    for number in range(MOST_BUCKETS):
        buckets.take(b"%d" % number, 0)
    assert buckets.take(b"a", 0) == 0


@pytest.fixture
def api(store: Store, start_api: StartApi) -> httpx.Client:
    publish(store, "first")
    keys = (SecretStr("ada"), SecretStr("bob"))
    return start_api(api_keys=keys, rate_per_second=0.5)


def statuses(api: httpx.Client, key: str, path: str = "/model") -> list[int]:
    return [api.get(path, headers={"X-API-Key": key}).status_code for _ in range(3)]


def test_one_key_that_asks_too_often_is_turned_away_and_the_other_is_not(
    api: httpx.Client,
) -> None:
    assert statuses(api, "ada") == [200, 429, 429]
    assert statuses(api, "bob")[0] == 200
    refused = api.get("/model", headers={"X-API-Key": "ada"})
    assert refused.json()["type"] == "urn:dandelion:problem:too-often"
    assert 1 <= int(refused.headers["Retry-After"]) <= 2


def test_wrong_keys_cannot_be_guessed_at_full_speed(api: httpx.Client) -> None:
    assert statuses(api, "guess") == [401, 429, 429]
    assert statuses(api, "ada")[0] == 200


def test_health_may_always_be_asked(api: httpx.Client) -> None:
    assert statuses(api, "", "/healthz") == statuses(api, "", "/readyz") == [200] * 3


def test_without_a_rate_nobody_is_counted(
    store: Store, start_api: StartApi, tmp_path: Path
) -> None:
    publish(store, "first")
    api = start_api()
    assert {api.get("/model").status_code for _ in range(50)} == {200}
