"""Which landed files have been deleted, their photos being safe in ``images/``.

What has gone is written down first: or the next intake of that day would take its photos for ones
that somebody took away, and an upload would bring all of them again.
"""

import json

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.sealed import seal, unseal


def cleared(store: Store, day: str) -> frozenset[str]:
    """The keys of a day's landed files that `landing.clear_landing` has deleted.

    Raises:
        ObjectDamaged: nobody knows which they were.
    """
    key = layout.cleared_day(day)
    try:
        document = unseal(store.get(key))
    except ObjectNotFound:
        return frozenset()
    if document is None:
        raise ObjectDamaged(
            store.address(key), "it is not as it was written", "Restore it from a backup"
        )
    return frozenset(json.loads(document)["keys"])


def all_cleared(store: Store) -> set[str]:
    """The keys of all landed files that `landing.clear_landing` has deleted."""
    prefix = layout.CLEARED_DAYS
    days = (o.key.removeprefix(prefix)[:10] for o in store.list_objects(prefix))
    return {key for day in days for key in cleared(store, day)}


def write_down(store: Store, day: str, keys: set[str]) -> None:
    """Add keys to those of a day that are deleted. One caller at a time."""
    document = {"day": day, "keys": sorted(keys | cleared(store, day))}
    store.put(layout.cleared_day(day), seal(json.dumps(document, indent=2).encode()))
