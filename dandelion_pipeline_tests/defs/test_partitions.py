"""Days become partitions when there is something to do on them."""

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, CLEAN_SCHEMA
from dandelion_pipeline.defs.assets.feedback import feedback
from dandelion_pipeline.defs.io_managers import TableIOManager
from dandelion_pipeline.defs.partitions import add_days, feedback_days, photo_days
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.ingest.landing import today
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.records.tables import write_table

DAY, OTHER = "2025-05-01", "2025-05-02"


def known(instance: dg.DagsterInstance) -> list[str]:
    return sorted(instance.get_dynamic_partitions("photo_days"))


def test_a_day_is_added_once_and_the_others_stay() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        add_days(instance, photo_days, [])
        assert known(instance) == []
        add_days(instance, photo_days, [OTHER, DAY])
        add_days(instance, photo_days, [DAY, today()])
        assert known(instance) == [DAY, OTHER, today()]


def test_an_instance_of_before_keeps_the_days_that_it_has_materialised() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for day in (DAY, OTHER):
            instance.report_runless_asset_event(
                dg.AssetMaterialization("raw_images", partition=day)
            )
        add_days(instance, photo_days, [])
        assert known(instance) == [DAY, OTHER]
        assert instance.get_dynamic_partitions("feedback_days") == []


@pytest.mark.parametrize("key", ["soon", "2025-5-1", "20250501", "2024-12-31", "9999-01-01"])
def test_a_partition_that_is_no_day_is_refused(key: str, tmp_path: Path) -> None:
    resource = StoreResource(url=tmp_path.as_uri())
    with dg.DagsterInstance.ephemeral() as instance:
        add_days(instance, feedback_days, [key])
        assert instance.get_dynamic_partitions("feedback_days") == []
        instance.add_dynamic_partitions("feedback_days", [key])  # as anybody may do in the UI
        with pytest.raises(SettingsError, match="written as YYYY-MM-DD"):
            dg.materialize(
                [feedback],
                partition_key=key,
                instance=instance,
                resources={"store": resource, "tables": TableIOManager(store=resource)},
            )


@pytest.mark.parametrize("days", [[], [DAY]])
def test_a_data_set_is_of_all_days_in_the_store_whatever_dagster_knows(
    days: list[str], tmp_path: Path
) -> None:
    store = open_store(tmp_path.as_uri())
    for day in (DAY, OTHER):
        write_table(store, layout.table(CLEAN_IMAGES, day), CLEAN_SCHEMA.empty_table())
    resource = StoreResource(url=store.url)
    read: list[pa.Table] = []

    @dg.asset(name=CLEAN_IMAGES, partitions_def=photo_days, io_manager_key="tables")
    def upstream() -> pa.Table: ...

    @dg.asset
    def whole(clean_images: pa.Table) -> None:
        read.append(clean_images)

    with dg.DagsterInstance.ephemeral() as instance:
        add_days(instance, photo_days, days)
        given = {"tables": TableIOManager(store=resource)}
        assert dg.materialize(
            [upstream, whole], selection=[whole], instance=instance, resources=given
        ).success
    assert [table.schema for table in read] == [CLEAN_SCHEMA]
