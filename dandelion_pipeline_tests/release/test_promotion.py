from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.errors import (
    BundleError,
    NothingReleased,
    ReleaseError,
    StoreUnavailable,
)
from dandelion_pipeline.release import log
from dandelion_pipeline.release.log import Release
from dandelion_pipeline.release.manifest import ONNX_FILE
from dandelion_pipeline.release.promotion import promote, rollback, standing
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import publish, put_bundle


def back(store: Store, to: str | None = None) -> Release:
    return rollback(store, to=to, who="ada", why="it was worse")


def test_a_rollback_makes_the_model_before_live_again(store: Store) -> None:
    publish(store, "v1")
    publish(store, "v2")
    entry = back(store)
    assert (entry.number, entry.action, entry.version, entry.previous) == (
        3,
        "rollback",
        "v1",
        "v2",
    )
    assert (entry.who, entry.why) == ("ada", "it was worse")
    first = log.history(store)[0]
    assert entry.manifest_sha256 == first.manifest_sha256
    assert log.live(store) == entry


def test_rolling_back_twice_goes_two_models_back(store: Store) -> None:
    for version in ("v1", "v2", "v3"):
        publish(store, version)
    assert [back(store).version, back(store).version] == ["v2", "v1"]
    with pytest.raises(ReleaseError, match="no model was live before it"):
        back(store)


def test_a_rollback_to_a_named_version_skips_those_between(store: Store) -> None:
    for version in ("v1", "v2", "v3"):
        publish(store, version)
    assert back(store, to="v1").version == "v1"
    with pytest.raises(ReleaseError, match="no model was live before it"):
        back(store)


def test_what_was_rolled_back_from_can_be_promoted_again(store: Store) -> None:
    publish(store, "v1")
    again = put_bundle(store, "v2")
    promote(again, who="ada", why="better")
    back(store)
    with pytest.raises(ReleaseError, match=r"none of the models .*there are none.*promote v2"):
        back(store, to="v2")
    assert promote(again, who="ada", why="better after all").number == 4
    assert back(store).version == "v1"


def test_rolling_back_to_what_is_live_or_was_never_live_is_refused(store: Store) -> None:
    publish(store, "v1")
    put_bundle(store, "never")
    publish(store, "v2")
    with pytest.raises(ReleaseError, match="v2: it is live already"):
        back(store, to="v2")
    with pytest.raises(ReleaseError, match=r"never: it is none of .* \(v1\)"):
        back(store, to="never")
    assert len(log.history(store)) == 2


def test_an_empty_log_has_nothing_to_roll_back(store: Store) -> None:
    with pytest.raises(NothingReleased):
        back(store)


@pytest.mark.parametrize("name", [ONNX_FILE, layout.MANIFEST])
@pytest.mark.parametrize("data", [b"altered", None])
def test_a_rollback_to_a_damaged_bundle_is_refused_and_the_live_one_stays(
    store: Store, name: str, data: bytes | None
) -> None:
    publish(store, "v1")
    publish(store, "v2")
    key = layout.model_file("v1", name)
    store.delete(key) if data is None else store.put(key, data)
    with pytest.raises(BundleError, match=name):
        back(store)
    assert log.live(store).version == "v2"


def test_a_rollback_that_another_release_overtakes_is_refused(store: Store) -> None:
    publish(store, "v1")
    publish(store, "v2")
    between = put_bundle(store, "v3")

    class Overtaken(Store):
        def put_if_absent(self, key: str, data: bytes) -> bool:
            promote(between, who="bob", why="at the same time")
            return super().put_if_absent(key, data)

    mine = open_store(store.url)
    mine.__class__ = Overtaken
    with pytest.raises(ReleaseError, match="from v2 to v1: another release came between"):
        back(mine)
    assert log.live(store).version == "v3"


def test_a_rollback_that_may_have_been_written_says_so(store: Store) -> None:
    publish(store, "v1")
    publish(store, "v2")

    class CutOff(Store):
        def put_if_absent(self, key: str, data: bytes) -> bool:
            super().put_if_absent(key, data)
            raise StoreUnavailable(f"could not write {key}", "the answer was lost", "Try again")

    mine = open_store(store.url)
    mine.__class__ = CutOff
    with pytest.raises(StoreUnavailable, match=r"from v2 to v1: .*not known.*releases list"):
        back(mine)


@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=12))
def test_a_rollback_undoes_exactly_the_last_promotion_that_still_stands(
    actions: list[int | None],
) -> None:
    """A stack is the model: an integer promotes that version, None rolls back."""
    entries: list[Release] = []
    stack: list[str] = []
    for action in actions:
        if action is None and len(stack) < 2:
            continue
        if action is None:
            stack.pop()
        elif stack[-1:] != [f"v{action}"]:
            stack.append(f"v{action}")
        else:
            continue
        entries.append(entry_after(entries, "rollback" if action is None else "promote", stack[-1]))
        assert [entry.version for entry in standing(entries)] == stack


def entry_after(entries: list[Release], action: log.Action, version: str) -> Release:
    return Release(
        number=len(entries) + 1,
        action=action,
        version=version,
        manifest_sha256="0" * 64,
        previous=entries[-1].version if entries else None,
        who="ada",
        when="2025-05-01T12:00:00+00:00",
        why="a property",
    )


def test_a_log_that_rolls_back_to_what_never_stood_still_has_a_live_model(tmp_path: Path) -> None:
    entries = [entry_after([], "rollback", "v9")]
    assert [entry.version for entry in standing(entries)] == ["v9"]
