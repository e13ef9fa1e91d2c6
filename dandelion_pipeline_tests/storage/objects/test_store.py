"""The contract that every store keeps: each test runs on a local folder and on real S3."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import obstore
import pytest
from obstore.store import S3Store

from dandelion_pipeline.errors import (
    ObjectDamaged,
    ObjectNotFound,
    StoreError,
)
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store, sha256_hex
from dandelion_pipeline.storage.prefetch import ByteBudget
from dandelion_pipeline_tests.servers.seaweedfs import BUCKET, S3Server

KEYS = ["a", "a/b/c.txt", "with space/x y.jpg", "日本/ä+ö&=?%20.jpg", "[x]~(1),@#a", "é/e\u0301"]
NO_KEYS = ["a//b", "/a", "./a", "a/../b", "a\nb", "a\\b", "a#1", "a#12/b", "\x7f"]


@pytest.mark.parametrize("key", KEYS)
def test_what_was_put_is_got_under_the_same_key(store: Store, key: str) -> None:
    data = bytes(range(256)) * 5
    store.put(key, data)
    assert store.get(key) == data
    assert store.exists(key)
    assert [o.key for o in store.list_objects("")] == [key]


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_cannot_be_a_key_everywhere_is_one_nowhere(store: Store, key: str) -> None:
    for call in (store.get, store.exists, lambda k: store.put(k, b""), store.list_objects):
        with pytest.raises(StoreError, match="no key"):
            call(key)


def test_an_empty_object_is_an_object(store: Store) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert [o.size for o in store.list_objects("")] == [0]


def test_put_replaces_what_the_key_held(store: Store) -> None:
    store.put("a", b"old and longer")
    store.put("a", b"new")
    assert store.get("a") == b"new"


def test_put_if_absent_never_replaces(store: Store) -> None:
    assert store.put_if_absent("a", b"first")
    assert not store.put_if_absent("a", b"second")
    assert store.get("a") == b"first"


def test_of_many_that_race_for_a_key_exactly_one_writes_it(store: Store) -> None:
    barrier = threading.Barrier(16)

    def race(round_and_writer: tuple[int, int]) -> tuple[int, bytes] | None:
        number, writer = round_and_writer
        data = f"writer {writer}".encode() * 500
        barrier.wait(30)
        return (number, data) if store.put_if_absent(f"race/{number}", data) else None

    rounds = 1 if store.url.startswith("s3:") else 10  # SeaweedFS lets losers wait for seconds
    with ThreadPoolExecutor(16) as pool:
        entries = [(number, writer) for number in range(rounds) for writer in range(16)]
        winners = [won for won in pool.map(race, entries) if won]
    assert [number for number, _ in winners] == list(range(rounds))
    assert all(store.get(f"race/{number}") == data for number, data in winners)


def test_a_missing_object_is_named(store: Store) -> None:
    assert not store.exists("none/here")
    with pytest.raises(ObjectNotFound, match="none/here"):
        store.get("none/here")


def test_a_prefix_is_not_an_object(store: Store) -> None:
    store.put("folder/a", b"1")
    assert not store.exists("folder")
    with pytest.raises(ObjectNotFound):
        store.get("folder")


def test_a_listing_has_all_below_a_prefix_and_nothing_else(store: Store) -> None:
    for key in ("a/2", "a/1", "a/deeper/3", "ab/4", "b/5"):
        store.put(key, key.encode())
    assert [(o.key, o.size) for o in store.list_objects("a/")] == [
        ("a/1", 3),
        ("a/2", 3),
        ("a/deeper/3", 10),
    ]
    assert len(store.list_objects("")) == 5
    assert store.list_objects("none/") == []


def test_a_listing_knows_when_an_object_was_written(store: Store) -> None:
    store.put("a", b"1")
    (found,) = store.list_objects("")
    assert abs(datetime.now(UTC) - found.modified) < timedelta(minutes=1)


def test_a_listing_may_be_longer_than_a_page(store: Store) -> None:
    keys = [f"many/{number:05d}" for number in range(1_050)]  # S3 lists 1,000 at a time
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: store.put(key, b""), keys))
    assert [o.key for o in store.list_objects("many/")] == keys


def test_many_objects_come_in_the_order_asked_for(store: Store) -> None:
    keys = [f"n/{number}" for number in (5, 3, 40, 1, *range(100, 130))]
    for key in keys:
        store.put(key, key.encode())
    assert list(store.get_many(keys)) == [(key, key.encode()) for key in keys]
    assert list(store.get_many([])) == []


def test_many_objects_are_written_and_each_is_reported(store: Store) -> None:
    objects = [(f"n/{number}", str(number).encode()) for number in range(150)]
    assert list(store.put_many(objects)) == [(key, True) for key, _ in objects]
    assert list(store.get_many(key for key, _ in objects)) == objects


def test_writing_many_if_absent_leaves_those_that_are_there(store: Store) -> None:
    store.put("n/1", b"first")
    written = list(store.put_many([("n/0", b"new"), ("n/1", b"new")], if_absent=True))
    assert written == [("n/0", True), ("n/1", False)]
    assert store.get("n/1") == b"first"


def test_a_missing_object_among_many_is_named(store: Store) -> None:
    store.put("n/0", b"0")
    read = store.get_many(["n/0", "n/1", *(["n/0"] * 100)])
    assert next(read) == ("n/0", b"0")
    with pytest.raises(ObjectNotFound, match="n/1"):
        list(read)


def test_reading_many_large_objects_holds_only_some_of_them_in_memory(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = most = 0
    enter, leave, lock = ByteBudget.enter, ByteBudget.leave, threading.Lock()

    def entered(budget: ByteBudget, size: int) -> bool:
        nonlocal held, most
        got_in = enter(budget, size)
        with lock:
            held += size if got_in else 0
            most = max(most, held)
        return got_in

    def left(budget: ByteBudget, size: int) -> None:
        nonlocal held
        with lock:
            held -= size
        leave(budget, size)

    monkeypatch.setattr(ByteBudget, "enter", entered)
    monkeypatch.setattr(ByteBudget, "leave", left)
    monkeypatch.setattr(ByteBudget.__init__, "__defaults__", (250_000,))
    keys = [f"large/{number}" for number in range(40)]
    list(store.put_many((key, bytes([n]) * 100_000) for n, key in enumerate(keys)))
    read = list(store.get_many(keys))
    assert [(key, data[0]) for key, data in read] == [(key, n) for n, key in enumerate(keys)]
    assert most <= 250_000
    assert held == 0


def test_a_deleted_object_is_gone_and_may_be_deleted_again(store: Store) -> None:
    store.put("a/b", b"1")
    store.delete("a/b")
    assert not store.exists("a/b")
    assert store.list_objects("") == []
    store.delete("a/b")


def test_looking_up_says_what_a_listing_says(store: Store) -> None:
    store.put("a/b", b"123")
    (listed,) = store.list_objects("a/")
    assert store.look_up("a/b") == listed
    assert store.look_up("a/c") is None


def test_on_s3_an_object_carries_its_hash_and_one_that_does_not_fit_is_damaged(
    s3_server: S3Server, s3_url: str
) -> None:
    store = open_store(s3_url)
    store.put("a", b"written")
    bare = S3Store(BUCKET, prefix=s3_url.split("/", 3)[3], client_options={"allow_http": True})
    expected = sha256_hex(b"written")
    assert obstore.get(bare, "a").attributes["sha256"] == expected
    obstore.put(bare, "a", b"altered", attributes={"sha256": expected})
    for read in (store.get, lambda key: list(store.get_many([key]))):
        with pytest.raises(ObjectDamaged, match=r"/a: what came is not what was written"):
            read("a")
    obstore.put(bare, "a", b"by somebody else")
    assert store.get("a") == b"by somebody else"


def test_the_start_of_a_large_object_can_be_read_alone(store: Store) -> None:
    store.put("a", b"0123456789")
    assert store.get_range("a", 0, 4) == b"0123"


def test_an_address_is_the_full_url(store: Store, store_url: str) -> None:
    assert store.address("a/b") == f"{store_url}/a/b"
