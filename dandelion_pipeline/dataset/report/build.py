"""The data report of a data set that was just made, kept in the store."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from dandelion_pipeline.dataset import report
from dandelion_pipeline.dataset.cleaning.batch_checks import Finding
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, near_duplicates_of
from dandelion_pipeline.dataset.copies.joined import copies_said
from dandelion_pipeline.dataset.dataset import Dataset
from dandelion_pipeline.dataset.report import DataReport, data_report_page
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.ingest.intake import RAW_IMAGES, REJECTED
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.content_store import read_photos
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.tables import last_table, read_table

_SIDE = 160
_QUALITY = 70


def write_report(
    store: Store,
    dataset: Dataset,
    used: pa.Table,
    photos: pa.Table,
    findings: Sequence[Finding],
    salt: str,
) -> str:
    """Write the page about a data set; one with the same hash is replaced.

    Args:
        store: where the photos lie.
        dataset: what was made.
        used: its photos, with the columns of `suspects.with_label_check`.
        photos: all photos of all days, as `copies.joined.with_copies` gives them.
        findings: what came of its checks.
        salt: of its split.

    Returns:
        The key of the page, an HTML file.
    """
    page = data_report_page(
        DataReport(
            data_hash=dataset.info.hash,
            made_at=datetime.now(UTC),
            salt=salt,
            is_sample=dataset.info.is_sample,
            photos=_with_sizes(used, photos),
            left_out=dataset.left_out,
            rejected=_rejected(store),
            findings=findings,
            conflicts=dataset.conflicts,
            classes_left_out=dataset.info.classes_left_out,
            user_groups=dataset.info.user_groups,
            near_duplicates=_near_duplicates(store, photos),
            thumbnails=lambda hashes: _thumbnails(store, hashes),
            copies=copies_said(photos),
        )
    )
    key = layout.report(dataset.info.hash)
    store.put(key, page)
    return key


def _near_duplicates(store: Store, photos: pa.Table) -> str:
    """How near-duplicates of the last day were decided, and why; empty if that is not known."""
    day = pc.max(photos["day"]).as_py()
    found = day and last_table(store, layout.table(CLEAN_IMAGES, day))
    decided = near_duplicates_of(found) if found else {}
    return f"Near-duplicates ({decided['decision']}): {decided['reason']}." if decided else ""


def _with_sizes(used: pa.Table, photos: pa.Table) -> pa.Table:
    row = pc.index_in(used["sha256"], photos["sha256"].combine_chunks())
    for name in ("width", "height"):
        used = used.append_column(name, photos[name].take(row))
    return used.select(report.PHOTOS.names).cast(report.PHOTOS)


def _rejected(store: Store) -> pa.Table:
    keys = [found.key for found in store.list_objects(f"{layout.TABLES}{RAW_IMAGES}/")]
    tables = (read_table(store, key) for key in keys)
    names = report.REJECTED.names
    return pa.concat_tables(
        [
            report.REJECTED.empty_table(),
            *(t.filter(pc.equal(t["status"], REJECTED)).select(names) for t in tables),
        ]
    )


def _thumbnails(store: Store, hashes: Sequence[str]) -> dict[str, bytes]:
    return {
        sha256: _thumbnail(data)
        for sha256, data in zip(hashes, read_photos(store, hashes), strict=True)
    }


def _thumbnail(data: bytes) -> bytes:
    image = decode(data).image
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
