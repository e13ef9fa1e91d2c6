import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from dandelion_pipeline.errors import NothingReleased, ReleaseError
from dandelion_pipeline.release import log
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.store import Store


def promote(store: Store, version: str) -> log.Release:
    return log.promote(store, version, who="ada", why=f"{version} is better")


def test_an_empty_log_says_that_nothing_is_released_and_what_to_do(store: Store) -> None:
    assert log.live_or_none(store) is None
    assert log.history(store) == []
    with pytest.raises(NothingReleased, match="make run"):
        log.live(store)


def test_what_was_promoted_is_live(store: Store) -> None:
    entry = promote(store, "v1")
    assert log.live(store) == entry == log.live_or_none(store)
    assert (entry.number, entry.action, entry.version, entry.previous) == (1, "promote", "v1", None)
    assert (entry.who, entry.why) == ("ada", "v1 is better")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(entry.when)) < timedelta(minutes=1)


def test_each_entry_names_the_one_before(store: Store) -> None:
    entries = [promote(store, version) for version in ("v1", "v2", "v1")]
    assert [entry.previous for entry in entries] == [None, "v1", "v2"]
    assert log.history(store) == entries
    assert log.live(store).version == "v1"


def test_promoting_what_is_live_adds_no_entry(store: Store) -> None:
    first = promote(store, "v1")
    assert log.promote(store, "v1", who="bob", why="again") == first
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
        with pytest.raises(ReleaseError, match=r"releases/00000002\.json.*Restore it"):
            read(store)
    with pytest.raises(ReleaseError):
        promote(store, "v3")
    assert store.get(layout.release(2)) == damaged


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
