"""What people said shows in Dagster, marked as feedback, and the photos that they gave with it."""

from typing import Any

import dagster as dg
import pytest

from dandelion_pipeline.defs.assets.feedback import feedback
from dandelion_pipeline.defs.assets.ingest import raw_images
from dandelion_pipeline.defs.io_managers import TableIOManager
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import read_table
from dandelion_pipeline_tests.data.days import instance_of
from dandelion_pipeline_tests.data.tiny_models import GREEN, photo
from dandelion_pipeline_tests.ingest.given_feedback import DAY, answer, say


@pytest.fixture
def metadata(store: Store) -> Any:  # noqa: ANN401
    """Of both assets, after people said something and one of them gave a photo."""
    key = layout.landing_photo(DAY, "grass", f"{layout.FEEDBACK_NAME}0123456789abcdef.png")
    store.put(key, photo(GREEN, format="PNG"))
    store.put(layout.landing_photo(DAY, "grass", "other.png"), photo((50, 120, 60), format="PNG"))
    said = {"comment": "no `flower` |\n# at all", "photo": key, "model": "a|model"}
    say(store, DAY, "grass", answer(store, DAY, "dandelion"), **said)
    say(store, DAY, "grass", answer(store, DAY, "grass"))
    resource = StoreResource(url=store.url)
    resources = {"store": resource, "tables": TableIOManager(store=resource)}
    found = []
    for name, asset in (("feedback", feedback), (RAW, raw_images)):
        with instance_of(DAY) as instance:
            result = dg.materialize(
                [asset], partition_key=DAY, instance=instance, resources=resources
            )
        (event,) = result.asset_materializations_for_node(name)
        found.append({name: value.value for name, value in event.metadata.items()})
    return found


RAW = "raw_images"


def test_corrections_are_counted_and_shown_in_tables_where_nothing_is_markdown(
    metadata: Any,  # noqa: ANN401
    store: Store,
) -> None:
    said, _ = metadata
    assert (said["right"], said["wrong"], said["photos"]) == (1, 1, 1)
    rows = [record.data for record in said["models"].records]
    assert {"model": "a|model", "right": 0, "wrong": 1, "unknown": 0} in rows
    (comment,) = said["comments"].records
    assert comment.data == {
        "seen": "dandelion",
        "said": "grass",
        "comment": "no `flower` |\n# at all",
    }
    assert said["preview"].startswith("![photos that people gave](data:image/jpeg;base64,")
    assert read_table(store, layout.table("feedback", DAY)).num_rows == 2


def test_photos_that_were_given_are_taken_in_and_counted_as_feedback(
    metadata: Any,  # noqa: ANN401
) -> None:
    _, raw = metadata
    assert (raw["accepted"], raw["from feedback"]) == (2, 1)
