"""One spelling for each class of a store, whatever the landing folders are called."""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from dandelion_pipeline.ingest.sources.labels import folded, tidied
from dandelion_pipeline.ingest.verdicts import ACCEPTED
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.records.tables import read_table

RAW_IMAGES = "raw_images"


def spelling(
    store: Store, day: str, before: pa.Table | None, files: Iterable[StoredObject]
) -> dict[str, str]:
    """The class that each folder of a day means: the store's spelling, else the most frequent.

    Nobody is there to be asked whether names that differ in capitals alone are one class, and a
    silent further class would be the worse guess.
    """
    places = (layout.split_landing_key(file.key) for file in files)
    counted = Counter(place[1] for place in places if place)
    known = {folded(label): label for label in sorted(_accepted_labels(before))}
    known |= {folded(label): label for label in sorted(_labels_of_other_days(store, day))}
    for label, _ in sorted(counted.items(), key=lambda item: (-item[1], tidied(item[0]))):
        known.setdefault(folded(label), tidied(label))
    return {label: known[folded(label)] for label in counted}


def _labels_of_other_days(store: Store, day: str) -> set[str]:
    own = layout.table(RAW_IMAGES, day)
    tables = store.list_objects(f"{layout.TABLES}{RAW_IMAGES}/")
    keys = (found.key for found in tables if found.key != own)
    return {label for key in keys for label in _accepted_labels(read_table(store, key))}


def _accepted_labels(table: pa.Table | None) -> set[str]:
    if table is None:
        return set()
    accepted = pc.equal(table["status"], ACCEPTED)
    return set(pc.unique(table["label"].filter(accepted)).to_pylist())
