"""Good and hostile visitors for a while; `python -m benchmarks.serving.soak` is an hour of them."""

import asyncio

import pytest

from dandelion_pipeline_tests.browsers.visitors import Visitors
from dandelion_pipeline_tests.e2e.conftest import SmallApi
from dandelion_pipeline_tests.servers.processes import MB, resident


@pytest.mark.stack
def test_whoever_comes_gets_an_answer_and_leaves_nothing_behind(api_of_each_kind: SmallApi) -> None:
    with api_of_each_kind.running() as api:
        visitors = Visitors(api_of_each_kind.url)
        asyncio.run(visitors.come(7))
        before = resident(api.pid)
        asyncio.run(visitors.come(6))
        after = resident(api.pid)
        assert api.poll() is None
    kinds = {outcome.partition(":")[0] for outcome in visitors.seen}
    assert {"thumbnail", "damaged", "many", "slow", "nonsense"} <= kinds
    assert after - before < 20 * MB, f"{before / MB:.0f} MB, then {after / MB:.0f} MB"
