"""What is found out by decoding a photo: how it looks, and what its copies are known by."""

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from functools import cache
from typing import Any

import pyarrow as pa
from threadpoolctl import ThreadpoolController

from dandelion_pipeline.dataset.cleaning.groups import FINGERPRINT_SCHEMA
from dandelion_pipeline.images.decoding.decode import Photo, decode
from dandelion_pipeline.images.measures.luma import Luma
from dandelion_pipeline.images.measures.quality import QUALITY_SCHEMA, measure
from dandelion_pipeline.images.near_duplicates.fingerprints import fingerprint
from dandelion_pipeline.storage.prefetch import ordered_parallel_map

MEASURES = "4"
"""Names the way `measure_photo` measures: what was measured in another way is measured again."""

MEASURED_SCHEMA = pa.schema([*QUALITY_SCHEMA, *FINGERPRINT_SCHEMA])
"""What is found out by decoding a photo."""

_PARCEL, _PARCEL_BYTES = 32, 1_000_000


def measure_photos(contents: Iterable[bytes]) -> Generator[dict[str, object], None, None]:
    """What `measure_photo` says of each, in threads, in their order.

    BLAS gets one thread meanwhile: its others would wait for work by spinning, on the very cores
    that decode photos.
    """
    parcels = ordered_parallel_map(
        lambda parcel: [measure_photo(data) for data in parcel],
        _parcels(contents),
        size_of=lambda parcel: sum(map(len, parcel)),
        concurrency=os.cpu_count() or 1,
    )
    with one_blas_thread(), closing(parcels):
        for rows in parcels:
            yield from rows


def measure_photo(data: bytes) -> dict[str, object]:
    """All that is found out by decoding a photo: one row of `MEASURED_SCHEMA`."""
    return measure_decoded(decode(data))


def measure_decoded(photo: Photo) -> dict[str, object]:
    """The same of a photo that is decoded already."""
    luma = Luma.of(photo.image)
    return {**vars(measure(photo, luma)), **vars(fingerprint(photo.image, luma))}


def one_blas_thread() -> AbstractContextManager[Any]:
    """While photos are measured in threads: see `measure_photos`."""
    limit: AbstractContextManager[Any] = _threads().limit(limits=1, user_api="blas")
    return limit


@cache
def _threads() -> ThreadpoolController:
    """To look for the libraries takes longer than to measure ten photos."""
    return ThreadpoolController()


def _parcels(contents: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Several small photos or a large one: to wake a thread takes as long as to measure one."""
    parcel: list[bytes] = []
    size = 0
    for data in contents:
        parcel.append(data)
        size += len(data)
        if len(parcel) == _PARCEL or size >= _PARCEL_BYTES:
            yield parcel
            parcel, size = [], 0
    if parcel:
        yield parcel
