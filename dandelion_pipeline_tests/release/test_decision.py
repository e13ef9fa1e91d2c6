from concurrent.futures import ThreadPoolExecutor

import pytest

from dandelion_pipeline.errors import ReleaseError
from dandelion_pipeline.release.decision import (
    Criterion,
    Decision,
    decision_of,
    last_decision,
    record,
    refusals,
)
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish, put_bundle

HOLDS = Criterion(check="calibrated", says="it is", passed=True, value=0.02, bound=0.1)
FAILS = Criterion(check="not_worse", says="9 photos lost", passed=False, value=0.01, bound=0.05)


def decided(version: str, *criteria: Criterion, forced_because: str = "") -> Decision:
    return decision_of(version, "live", criteria, forced_because=forced_because, run="a run")


def test_a_decision_reads_back_as_it_was_written(store: Store) -> None:
    assert last_decision(store, "v1") is None
    written = record(store, decided("v1", HOLDS, FAILS))
    assert last_decision(store, "v1") == written
    assert (written.number, written.promote, written.reason) == (1, False, "9 photos lost")


def test_a_model_is_promoted_if_all_holds_or_by_force() -> None:
    assert decided("v1", HOLDS).promote
    assert not decided("v1", HOLDS, FAILS).promote
    forced = decided("v1", FAILS, forced_because="we know better")
    assert forced.promote
    assert forced.reason == "we know better (forced; 9 photos lost)"


def test_the_same_decision_again_is_not_written_and_another_one_is(store: Store) -> None:
    first = record(store, decided("v1", FAILS))
    assert record(store, decided("v1", FAILS)) == first
    assert record(store, decided("v1", HOLDS)).number == 2
    assert record(store, decided("v1", FAILS)).number == 3


def test_decisions_that_race_all_get_a_number_of_their_own(store: Store) -> None:
    different = [decided("v1", FAILS.model_copy(update={"value": n / 8})) for n in range(8)]
    with ThreadPoolExecutor(8) as writers:
        written = list(writers.map(lambda decision: record(store, decision), different))
    assert sorted(decision.number for decision in written) == list(range(1, 9))


def test_models_that_were_refused_are_listed_until_they_are_live(store: Store) -> None:
    publish(store, "live")
    bundles = {version: put_bundle(store, version) for version in ("v1", "v2", "v3")}
    record(store, decided("v1", FAILS))
    record(store, decided("v2", FAILS))
    record(store, decided("v3", HOLDS))
    assert {decision.version for decision in refusals(store)} == {"v1", "v2"}
    promote(bundles["v1"], who="ada", why="shade", forced=True)
    assert [decision.version for decision in refusals(store)] == ["v2"]


@pytest.mark.parametrize("data", [b"", b"{}", b"damaged"])
def test_a_damaged_decision_is_named(store: Store, data: bytes) -> None:
    record(store, decided("v1", FAILS))
    store.put(layout.decision("v1", 1), data)
    with pytest.raises(ReleaseError, match=r"v1/decisions/00000001\.json"):
        last_decision(store, "v1")


def test_decisions_are_told_from_the_other_files_of_a_bundle(store: Store) -> None:
    assert layout.decided_version(layout.decision("v1", 7)) == "v1"
    for key in (layout.model_file("v1", layout.MANIFEST), layout.release(7), "models/decisions/1"):
        assert layout.decided_version(key) is None


def test_a_decision_of_before_can_be_read() -> None:
    old = decision_of("v1", None, [HOLDS], forced_because="", run="a run").model_dump(
        exclude={"best": True, "criteria": {"__all__": {"warning"}}}
    )
    old["criteria"][0]["check"] = "int8_agrees_with_torch"
    read = Decision.model_validate(old)
    assert (read.best, read.warnings, read.promote) == (None, [], True)


def test_a_warning_is_part_of_the_reason() -> None:
    warns = HOLDS.model_copy(update={"says": "4 photos tell little", "warning": True})
    said = decision_of("v1", None, [HOLDS, warns], forced_because="", run="a run")
    assert said.promote
    assert said.reason == "it is (warning: 4 photos tell little)"
