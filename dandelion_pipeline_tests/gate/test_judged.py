from pathlib import Path

import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.dataset import DatasetInfo
from dandelion_pipeline.gate.judged import Judged, judged
from dandelion_pipeline.release.bundle import finish, open_bundle, put_files
from dandelion_pipeline.release.decision import last_decision
from dandelion_pipeline.release.promotion import promote, rollback
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.small_data_set import TINY
from dandelion_pipeline_tests.gate.test_publish import coloured_dataset, published


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store((tmp_path / "store").as_uri())


@pytest.fixture
def dataset(store: Store) -> pa.Table:
    return coloured_dataset(store)


@pytest.fixture
def grown(store: Store, dataset: pa.Table) -> pa.Table:
    return coloured_dataset(store, each=62)


def asked(store: Store, dataset: pa.Table, **changes: object) -> Judged | None:
    config = TINY.model_copy(update=changes)
    return judged(store, DatasetInfo.of(dataset).hash, config)


def test_of_new_photos_or_another_configuration_nothing_was_decided(
    store: Store, dataset: pa.Table, grown: pa.Table
) -> None:
    assert asked(store, dataset) is None
    published(store, dataset, "one")
    assert asked(store, grown) is None
    assert asked(store, dataset, size=64) is None


def test_the_live_model_is_not_made_again_whatever_computes_it(
    store: Store, dataset: pa.Table
) -> None:
    published(store, dataset, "one")
    found = asked(store, dataset, device="cuda")
    assert found is not None
    assert (found.manifest.version, found.is_live, found.refused) == ("one", True, False)


def test_what_was_rolled_back_says_who_decided_so_and_why(
    store: Store, dataset: pa.Table, grown: pa.Table
) -> None:
    published(store, dataset, "one")
    published(store, grown, "two")
    found = asked(store, dataset)
    assert found is not None
    assert "was replaced on" in found.says
    assert "by two" in found.says
    rollback(store, to=None, who="ann", why="it mistakes daisies")
    found = asked(store, grown)
    assert found is not None
    assert "two, of this data set" in str(found)
    assert "ann: it mistakes daisies" in str(found)
    found = asked(store, dataset)
    assert found is not None
    assert found.is_live


def test_what_was_refused_counts_until_the_limits_of_the_gate_change(
    store: Store, dataset: pa.Table, grown: pa.Table
) -> None:
    published(store, dataset, "one")
    published(store, grown, "two", flipped=True)
    found = asked(store, grown)
    assert found is not None
    assert found.refused
    decision = last_decision(store, "two")
    assert decision is not None
    assert decision.reason in str(found)
    data_hash = DatasetInfo.of(grown).hash
    assert judged(store, data_hash, TINY, gate_since=decision.when) is not None
    assert judged(store, data_hash, TINY, gate_since="9999-01-01T00:00:00+00:00") is None


def test_a_model_that_nobody_came_to_judge_is_made_again(
    store: Store, dataset: pa.Table, grown: pa.Table
) -> None:
    published(store, dataset, "one")
    finished = open_bundle(store, published(store, grown, "two").manifest.version)
    put_files(store, "three", {name: finished.read(name) for name in finished.manifest.files})
    data = finished.manifest.data.model_copy(update={"hash": "another"})
    finish(store, finished.manifest.model_copy(update={"version": "three", "data": data}))
    assert judged(store, "another", TINY) is None


def test_damaged_bundles_and_old_entries_do_not_hide_what_was_decided(
    store: Store, dataset: pa.Table, grown: pa.Table
) -> None:
    published(store, dataset, "one")
    published(store, grown, "two")
    promote(open_bundle(store, "one"), who="ann", why="she likes it")
    store.put(layout.model_file("two", layout.MANIFEST), b"{}")
    store.put(layout.release(1), b"{}")
    assert asked(store, grown) is None  # nobody can read what it was made of
    found = asked(store, dataset)
    assert found is not None
    assert found.is_live
