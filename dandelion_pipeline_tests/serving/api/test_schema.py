"""Whatever a client sends, the API answers as its own description says (schemathesis)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.serving.conftest import api_on

EXAMPLES = 40


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    store = open_store((tmp_path_factory.mktemp("schema") / "store").as_uri())
    publish(store, "first")
    with api_on(store) as client:
        yield client


def test_every_route_does_what_its_description_says(
    documented: httpx.Client, subtests: pytest.Subtests
) -> None:
    schema = schemathesis.openapi.from_url(f"{documented.base_url}/openapi.json")
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def answers_as_described(case: schemathesis.Case[Any]) -> None:
            # Random bytes are no photo, and random words no label: what is valid may be refused.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        with subtests.test(operation.label):
            answers_as_described()
    assert documented.get("/readyz").status_code == 200
