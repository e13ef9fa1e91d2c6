import pytest

from dandelion_pipeline.dataset.cleaning.acceptance import Acceptance, accept, accepted
from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.records.sealed import seal

DAY = "2026-11-01"
WORD = Acceptance(day=DAY, who="ann", when="2026-11-02T00:00:00+00:00", why="all are fine")


def test_an_accepted_day_says_by_whom_and_why(store_url: str) -> None:
    store = open_store(store_url)
    assert accepted(store, DAY) is None
    accept(store, WORD)
    assert accepted(store, DAY) == WORD
    assert accepted(store, "2026-11-02") is None


def test_the_last_word_counts(store_url: str) -> None:
    store = open_store(store_url)
    accept(store, WORD)
    later = WORD.model_copy(update={"who": "bob"})
    accept(store, later)
    assert accepted(store, DAY) == later


@pytest.mark.parametrize("data", [b"", b"{}", seal(b'{\n  "day": 1\n}')])
def test_a_damaged_word_is_an_error_with_its_remedy(store_url: str, data: bytes) -> None:
    store = open_store(store_url)
    store.put(layout.accepted_day(DAY), data)
    with pytest.raises(ObjectDamaged, match="accept 2026-11-01 again"):
        accepted(store, DAY)
