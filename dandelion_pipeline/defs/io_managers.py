"""How outputs are kept: tables as Parquet, models as directories of files. No pickle."""

from collections.abc import Iterable, Iterator

import dagster as dg
import pyarrow as pa

from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.defs.tables import column_schema
from dandelion_pipeline.errors import ObjectNotFound
from dandelion_pipeline.release.bundle import put_files
from dandelion_pipeline.release.manifest import TRAINING_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import (
    read_snapshot,
    read_tables,
    write_snapshot,
    write_table,
)
from dandelion_pipeline.training.fit import TrainedModel, TrainingRecord

SNAPSHOT = "snapshot"
"""The metadata entry that says which snapshot or model a materialisation made."""

_EVENTS_TO_SEARCH = 200


class TableIOManager(dg.ConfigurableIOManager):
    """Arrow tables: a partition under its name, anything else under its content hash.

    A run reads what it wrote itself, however many others run at the same time, because
    the snapshot is looked up in the run's own materialisations first.
    """

    store: StoreResource

    def handle_output(self, context: dg.OutputContext, table: pa.Table) -> None:
        """Write a table in one put, or in none if it is there already."""
        store, asset = self.store.open(), context.asset_key.path[-1]
        with transient_errors_retried(context):
            if context.has_partition_key:
                partition, rows = context.partition_key, "dagster/partition_row_count"
                write_table(store, layout.table(asset, partition), table)
            else:
                partition, rows = write_snapshot(store, asset, table), "dagster/row_count"
        context.add_output_metadata(
            {
                SNAPSHOT: partition,
                rows: table.num_rows,
                "dagster/uri": store.address(layout.table(asset, partition)),
                "dagster/column_schema": column_schema(table.schema),
            }
        )

    def load_input(self, context: dg.InputContext) -> pa.Table:
        """Read a snapshot, the partitions that are asked for, or all that exist, as one table.

        All are those of the store: Dagster's list of days may be younger than the store.
        """
        store, asset = self.store.open(), context.asset_key.path[-1]
        with transient_errors_retried(context):
            if context.has_asset_partitions:
                return _read_partitions(store, asset, _wanted(context))
            return read_snapshot(store, asset, latest_snapshot(context))


class ModelIOManager(dg.ConfigurableIOManager):
    """Trained models as ``models/<version>/``; without a manifest they are not published."""

    store: StoreResource

    def handle_output(self, context: dg.OutputContext, model: TrainedModel) -> None:
        """Write the files; the same version twice is fine, with other contents it is not."""
        with transient_errors_retried(context):
            put_files(self.store.open(), model.record.version, model.bundle_files())
        version = model.record.version
        folder = self.store.open().address(layout.model_file(version, ""))
        context.add_output_metadata({SNAPSHOT: version, "dagster/uri": folder})

    def load_input(self, context: dg.InputContext) -> TrainedModel:
        """Read the files back; they are verified before anything else looks at them."""
        with transient_errors_retried(context):
            return read_trained_model(self.store.open(), latest_snapshot(context))


def _wanted(context: dg.InputContext) -> Iterable[str] | None:
    """The partitions that a partition is made of; None if something whole is made of all."""
    is_whole = context.step_context.entity_partitions_def is None
    return None if is_whole else context.asset_partition_keys


def _read_partitions(store: Store, asset: str, wanted: Iterable[str] | None) -> pa.Table:
    keys = None if wanted is None else {layout.table(asset, partition) for partition in wanted}
    prefix = f"{layout.TABLES}{asset}/"
    found = [o.key for o in store.list_objects(prefix) if keys is None or o.key in keys]
    if not found:
        raise ObjectNotFound(
            f"could not read {store.address(prefix)}",
            "no day has been materialised yet",
            f"Materialise {asset} for the days that have photos first",
        )
    return read_tables(store, found)


def read_trained_model(store: Store, version: str) -> TrainedModel:
    """Read a model that has been trained, published or not."""
    training = store.get(layout.model_file(version, TRAINING_FILE))
    names = TrainingRecord.model_validate_json(training).files
    files = {name: store.get(layout.model_file(version, name)) for name in names}
    return TrainedModel.from_files({**files, TRAINING_FILE: training})


def latest_snapshot(context: dg.InputContext) -> str:
    """What this run made of the upstream asset, or a run that it retries, or the last run."""
    run = context.step_context.dagster_run
    return snapshot_for(context.instance, run, context.asset_key)


def snapshot_for(instance: dg.DagsterInstance, run: dg.DagsterRun, asset: dg.AssetKey) -> str:
    """The snapshot of an asset that a run reads.

    Raises:
        ObjectNotFound: there is none at all.
    """
    for run_id in _with_ancestors(instance, run):
        made = instance.get_records_for_run(
            run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ).records
        found = [_snapshot_of(record.event_log_entry, asset) for record in made]
        if any(found):
            return list(filter(None, found))[-1]
    for record in instance.fetch_materializations(asset, limit=_EVENTS_TO_SEARCH).records:
        snapshot = _snapshot_of(record.event_log_entry, asset)
        if snapshot:
            return snapshot
    name = asset.to_user_string()
    raise ObjectNotFound(
        f"the input {name}", "it has never been materialised", f"Materialise {name} first"
    )


def _with_ancestors(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[str]:
    """A run, the run that it retries, the run that this one retried, and so on to the first.

    The first one is known even if somebody has deleted one in between.
    """
    found: dg.DagsterRun | None = run
    while found is not None:
        yield found.run_id
        found = instance.get_run_by_id(found.parent_run_id) if found.parent_run_id else None
    if run.root_run_id:
        yield run.root_run_id


def _snapshot_of(entry: dg.EventLogEntry, asset: dg.AssetKey) -> str | None:
    event = entry.asset_materialization
    if event is None or event.asset_key != asset or SNAPSHOT not in event.metadata:
        return None
    return str(event.metadata[SNAPSHOT].value)
