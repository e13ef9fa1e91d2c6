import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from dandelion_pipeline.errors import NothingReleased, ReleaseError
from dandelion_pipeline.release import log
from dandelion_pipeline.release.bundle import Bundle
from dandelion_pipeline.release.promotion import promote as make_live
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.sealed import seal
from dandelion_pipeline_tests.data.tiny_models import manifest


def candidate(store: Store, version: str) -> Bundle:
    """The log looks at no file of a bundle."""
    return Bundle(store, manifest(version, {}), "0" * 64)


def promote(store: Store, version: str, who: str = "ada") -> log.Release:
    return make_live(candidate(store, version), who=who, why=f"{version} is better")


def test_an_empty_log_says_that_nothing_is_released_and_what_to_do(store: Store) -> None:
    assert log.live_or_none(store) is None
    assert log.history(store) == []
    with pytest.raises(NothingReleased, match="make run"):
        log.live(store)


def test_what_was_promoted_is_live(store: Store) -> None:
    entry = promote(store, "v1")
    assert log.live(store) == entry == log.live_or_none(store)
    assert (entry.number, entry.action, entry.version, entry.previous) == (1, "promote", "v1", None)
    assert (entry.who, entry.why, entry.manifest_sha256) == ("ada", "v1 is better", "0" * 64)
    assert abs(datetime.now(UTC) - datetime.fromisoformat(entry.when)) < timedelta(minutes=1)


def test_each_entry_names_the_one_before(store: Store) -> None:
    entries = [promote(store, version) for version in ("v1", "v2", "v1")]
    assert [entry.previous for entry in entries] == [None, "v1", "v2"]
    assert log.history(store) == entries
    assert log.live(store).version == "v1"


def test_promoting_what_is_live_adds_no_entry(store: Store) -> None:
    first = promote(store, "v1")
    assert promote(store, "v1", who="bob") == first
    assert len(log.history(store)) == 1


def test_numbers_are_numbers_and_not_words(store: Store) -> None:
    for number in range(1, 12):
        promote(store, f"v{number}")
    assert [entry.number for entry in log.history(store)] == list(range(1, 12))
    assert log.live(store).version == "v11"


def test_what_is_no_entry_is_not_read(store: Store) -> None:
    entry = promote(store, "v1")
    for name in (
        "README.txt",
        "00000009.json.tmp",
        "0000000x.json",
        "9.json",
        "deeper/00000009.json",
    ):
        store.put(layout.RELEASES + name, b"not an entry")
    assert log.live(store) == entry


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"number": 2}', b"\xff"])
def test_a_damaged_entry_is_named_and_not_passed_over(store: Store, damaged: bytes) -> None:
    promote(store, "v1")
    store.put(layout.release(2), damaged)
    for read in (log.live, log.history):
        with pytest.raises(ReleaseError, match=r"releases/00000002\.json.*seal.*Restore it"):
            read(store)
    with pytest.raises(ReleaseError):
        promote(store, "v3")
    assert store.get(layout.release(2)) == damaged


def test_every_flipped_byte_of_an_entry_is_found(store: Store) -> None:
    promote(store, "v1")
    whole = store.get(layout.release(1))
    for at in range(0, len(whole), 7):
        store.put(layout.release(1), whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ReleaseError, match="not as it was written"):
            log.live(store)


def test_an_entry_that_is_missing_is_named(store: Store) -> None:
    for version in ("v1", "v2", "v3"):
        promote(store, version)
    store.delete(layout.release(2))
    with pytest.raises(ReleaseError, match=r"releases/00000002\.json: it is missing"):
        log.history(store)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"number": 3}, "it says that it is number 3"),
        ({"previous": "v7"}, "it follows v7, but v1 was live"),
        ({"surprise": 1}, "it cannot be read"),
    ],
)
def test_a_whole_entry_that_does_not_belong_there_is_named(
    store: Store, change: dict[str, object], complaint: str
) -> None:
    promote(store, "v1")
    entry = promote(store, "v2")
    made_up = json.dumps({**entry.model_dump(), **change}, indent=2)
    store.put(layout.release(2), seal(made_up.encode()))
    with pytest.raises(ReleaseError, match=rf"00000002\.json: {complaint}"):
        log.history(store)


def test_only_one_of_two_decisions_about_the_same_state_is_written(store: Store) -> None:
    before = promote(store, "v1")
    first, second = (
        log.append(store, "promote", candidate(store, v), after=before, who="ada", why="now")
        for v in ("v2", "v3")
    )
    assert first is not None
    assert second is None
    assert log.live(store) == first


def test_an_entry_whose_acknowledgement_was_lost_is_known_for_ones_own(store: Store) -> None:
    class Forgetful(Store):
        def put_if_absent(self, key: str, data: bytes) -> bool:
            super().put_if_absent(key, data)
            return super().put_if_absent(key, data)  # what a try after a lost answer is told

    store.__class__ = Forgetful
    entry = log.append(store, "promote", candidate(store, "v1"), after=None, who="ada", why="now")
    assert entry == log.live(store)
    assert promote(store, "v2").number == 2


def test_promotions_that_race_form_one_line(store: Store) -> None:
    barrier = threading.Barrier(8)

    def race(writer: int) -> list[log.Release]:
        barrier.wait(30)
        return [promote(store, f"v{writer}-{turn}") for turn in range(2)]

    with ThreadPoolExecutor(8) as pool:
        written = [entry for entries in pool.map(race, range(8)) for entry in entries]
    history = log.history(store)
    assert [entry.number for entry in history] == list(range(1, 17))
    assert history == sorted(written, key=lambda entry: entry.number)
    versions = [entry.version for entry in history]
    assert [entry.previous for entry in history] == [None, *versions[:-1]]
