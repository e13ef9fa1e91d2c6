"""`clean_images` and `dataset`: which photos are used, and for what."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from dandelion_pipeline.configuration.document import Configuration
from dandelion_pipeline.dataset.checks import (
    BLOCKING,
    WARNING,
    DatasetLimits,
    warnings,
)
from dandelion_pipeline.dataset.checks import require as require_dataset
from dandelion_pipeline.dataset.cleaning.acceptance import accepted
from dandelion_pipeline.dataset.cleaning.batch_checks import (
    DRIFTS,
    BatchLimits,
    check_drift,
    failed,
    require,
)
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, clean, near_duplicates_of, stop
from dandelion_pipeline.dataset.cleaning.days import last_accepted, other_days, to_compare
from dandelion_pipeline.dataset.cleaning.measures import DayMeasures
from dandelion_pipeline.dataset.copies.joined import pairs_among, with_copies
from dandelion_pipeline.dataset.copies.search import find_copies
from dandelion_pipeline.dataset.dataset import TEST, rows_of, suspects_of
from dandelion_pipeline.dataset.labels.suspects import with_label_check
from dandelion_pipeline.dataset.report.build import write_report
from dandelion_pipeline.dataset.reviewed import reviewed
from dandelion_pipeline.dataset.settled import settled
from dandelion_pipeline.defs.checks import BatchConfig, check_results, check_specs
from dandelion_pipeline.defs.configuration import configuration_of_run, given_to, with_given
from dandelion_pipeline.defs.partitions import day_of, photo_days
from dandelion_pipeline.defs.previews import photos_preview
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.defs.runs.pools import INGESTION_POOL
from dandelion_pipeline.defs.runs.retries import transient_errors_retried
from dandelion_pipeline.defs.tables import (
    conflicts_table,
    copies_table,
    counted,
    counts_table,
    facts,
    suspects_table,
    table,
)
from dandelion_pipeline.embeddings.embedding import backbone_embedder
from dandelion_pipeline.images.measures.quality_limits import QualityLimits, usual_looks
from dandelion_pipeline.images.near_duplicates.matches import NearDuplicates
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.content_hash import content_hash
from dandelion_pipeline.storage.records.tables import last_table

PROGRESS_EVERY = 1_000


class QualityConfig(dg.Config, QualityLimits):
    """From where on a photo is too poor to learn from."""


class CleanImagesConfig(dg.Config):
    """The limits of each photo, and of the day's photos together."""

    quality: QualityConfig = QualityConfig()
    near_duplicates: NearDuplicates = Field(
        default="auto",
        description="Which photos share a group, and so a split: near-duplicates as the set's own "
        "background tells them (auto), photos of equal pixels (exact), or none (off)",
    )
    batch: BatchConfig = BatchConfig()


@dg.asset(
    partitions_def=photo_days,
    check_specs=check_specs(CLEAN_IMAGES, DRIFTS),
    io_manager_key="tables",
    pool=INGESTION_POOL,
    group_name="ingestion",
    kinds={"python", "pillow", "parquet"},
)
def clean_images(
    context: dg.AssetExecutionContext,
    config: CleanImagesConfig,
    store: StoreResource,
    raw_images: pa.Table,
) -> Iterator[dg.Output[pa.Table] | dg.AssetCheckResult]:
    """The accepted photos of a day, measured and grouped, and which are fit for training.

    Of a day that is of another kind than the last one, none is kept until somebody accepts it.
    """
    opened, day = store.open(), day_of(context)
    quality, near_duplicates, batch = _clean_limits(
        context, config, configuration_of_run(context, opened)
    )

    def progress(done: int, total: int) -> None:
        if done % PROGRESS_EVERY == 0 or done == total:
            context.log.info(f"{day}: {done} of {total} photos measured")

    with transient_errors_retried(context):
        before = last_table(opened, layout.table(CLEAN_IMAGES, day))
        others = dict(other_days(opened, day))
        photos = clean(
            opened,
            raw_images,
            before,
            list(others.values()),
            limits=quality,
            near_duplicates=near_duplicates,
            on_photo=progress,
            warn=context.log.warning,
        )
        acceptance = accepted(opened, day)
    findings = check_drift(to_compare(photos), last_accepted(others, day), batch)
    if failed(findings) and acceptance is None:
        photos = stop(photos, ", ".join(f.check for f in findings if not f.passed))
    reasons = _counted(photos["drop_reason"])
    kept = reasons.pop("", 0)
    context.log.info(f"{day}: {photos.num_rows} photos, {kept} of them fit for training")
    looks = usual_looks(photos, photos["drop_reason"], quality)
    metadata: dict[str, Any] = {
        "kept": kept,
        "dropped": counted("reason", reasons),
        "look poor, and are kept": counted("look", looks),
        "by_label": counted("label", _counted(photos["label"])),
        "groups": len(photos["group"].unique()),
        "near_duplicates": facts(near_duplicates_of(photos)),
    }
    # Not of its metadata, which say how near-duplicates were told this time.
    version = dg.DataVersion(content_hash(photos.replace_schema_metadata(None)))
    yield dg.Output(photos, metadata=metadata, data_version=version)
    DayMeasures(opened, day).forget()  # Dagster goes on here once the table is written
    yield from check_results(findings, DRIFTS, acceptance)
    require(day, findings, acceptance)


def _clean_limits(
    context: dg.AssetExecutionContext, config: CleanImagesConfig, chosen: Configuration
) -> tuple[QualityLimits, NearDuplicates, BatchLimits]:
    given = given_to(context)
    return (
        with_given(chosen.quality_limits, given.get("quality", {}), config.quality),
        config.near_duplicates if "near_duplicates" in given else chosen.near_duplicates,
        with_given(chosen.batch_limits, given.get("batch", {}), config.batch),
    )


def _counted(column: pa.ChunkedArray) -> dict[str, int]:
    return {str(one["values"]): one["counts"] for one in column.value_counts().to_pylist()}


class DatasetConfig(dg.Config, DatasetLimits):
    """What a data set has to be like; what stops it and what only warns is in docs/data.md."""


@dg.asset(
    check_specs=check_specs("dataset", BLOCKING, WARNING),
    io_manager_key="tables",
    group_name="training",
    kinds={"python", "parquet"},
)
def dataset(
    context: dg.AssetExecutionContext,
    config: DatasetConfig,
    store: StoreResource,
    clean_images: pa.Table,
) -> Iterator[dg.Output[pa.Table] | dg.AssetCheckResult]:
    """The photos of all days, each under one label and in one split that never changes.

    Near-duplicates and groups of the user's own are in one split. What is assigned is kept in the
    store; new groups go to the split that their class lacks. Decisions that people made about
    photos are applied.
    """
    opened = store.open()
    limits = with_given(
        configuration_of_run(context, opened).dataset_limits, given_to(context), config
    )
    with transient_errors_retried(context):
        photos = reviewed(opened, clean_images)
        find_copies(opened, backbone_embedder(), photos, context.log.info)
        photos = with_copies(opened, photos)
        salt = store.settings.split_salt
        checked = settled(opened, photos, salt, limits)
    made, findings = checked.dataset, checked.findings
    yield from check_results(findings, BLOCKING)
    require_dataset(findings)
    for finding in warnings(findings):
        context.log.warning(str(finding))
    with transient_errors_retried(context):
        used = with_label_check(opened, made.used)
        report = write_report(opened, made, used, photos, findings, salt)
        preview = photos_preview(opened, used)
    info = made.info
    context.log.info(
        f"{used.num_rows} photos, classes {', '.join(info.classes)}"
        + (f"; left out: {info.left_out}" if info.left_out else "")
    )
    yield dg.Output(
        used,
        metadata={
            "preview": preview,
            "report": dg.MetadataValue.url(opened.address(report)),
            "counts": counts_table(info.counts),
            "classes": ", ".join(info.classes),
            "hash": info.hash,
            "is_sample": info.is_sample,
            "left_out": counted("reason", info.left_out),
            "classes_left_out": table(
                {"class": "string", "reason": "string"}, info.classes_left_out.items()
            ),
            "copies": copies_table(pairs_among(opened, pc.unique(photos["sha256"]))),
            "label_conflicts": conflicts_table(made.conflicts),
            "test_photos": rows_of(used, TEST).num_rows,
            "suspects": suspects_table(suspects_of(used)),
        },
        data_version=dg.DataVersion(info.hash),
    )
