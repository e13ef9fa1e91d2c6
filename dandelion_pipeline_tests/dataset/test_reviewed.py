import pytest

from dandelion_pipeline.dataset.dataset import build_dataset
from dandelion_pipeline.dataset.labels.reviews import decide
from dandelion_pipeline.dataset.reviewed import reviewed
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.clean_rows import clean_table
from dandelion_pipeline_tests.dataset.test_dataset import photos


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_store((tmp_path_factory.mktemp("reviewed") / "store").as_uri())


def test_a_review_changes_the_data_set_and_its_hash(store: Store) -> None:
    table = clean_table([*photos(30, "a"), *photos(30, "b")])
    before = build_dataset(reviewed(store, table), "salt").info
    first = table["sha256"][0].as_py()
    decide(store, "relabel", first, "b", who="ann", why="seen")
    after = build_dataset(reviewed(store, table), "salt")
    assert after.info.hash != before.hash
    assert sum(after.info.counts["b"].values()) == 31
    decide(store, "drop", first, "b", who="ann", why="a drawing")
    dropped = build_dataset(reviewed(store, table), "salt").info
    assert dropped.left_out == {"dropped by a review": 1}
