"""Which days wait to be taken in: `make run`, the schedule and the sensor all ask here.

A day waits while files lie in its landing folder that no intake has read, and from then on until
it has a clean table that was made of its newest raw table. So a run that ends between the two
strands no day. A day that its checks stopped does not wait, until somebody accepts it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from dandelion_pipeline.dataset.cleaning.acceptance import accepted
from dandelion_pipeline.dataset.cleaning.clean import CLEAN_IMAGES, MADE_OF
from dandelion_pipeline.ingest.intake import RAW_IMAGES, STOPPED
from dandelion_pipeline.ingest.unread import unread_files
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store, StoredObject
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.tables import SEAL, table_metadata

_ASSETS = (RAW_IMAGES, CLEAN_IMAGES)


@dataclass(frozen=True)
class Waiting:
    """Why a day waits."""

    files: Sequence[StoredObject] = ()
    """Landed files that no intake has read as they are now."""

    uncleaned: str = ""
    """The seal of the day's raw table, if there is no clean table that is made of it."""

    def __bool__(self) -> bool:
        """Whether it waits."""
        return bool(self.files or self.uncleaned)

    @property
    def fingerprint(self) -> str:
        """The same for the same reasons: these very files and this very table."""
        names = sorted(f"{file.key} {file.modified.isoformat()}" for file in self.files)
        return sha256("\n".join([*names, self.uncleaned]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Tables:
    """The tables of all days, as a listing gives them."""

    raw: Mapping[str, StoredObject]
    clean: Mapping[str, StoredObject]

    @classmethod
    def of(cls, store: Store) -> "Tables":
        """List them: two requests for a thousand days."""
        raw, clean = ordered_parallel_map(lambda name: _by_day(store, name), _ASSETS)
        return cls(raw, clean)


def waiting_days(store: Store) -> list[str]:
    """The days that wait, oldest first.

    Raises:
        ObjectDamaged: a table is not as it was written.
    """
    tables = Tables.of(store)
    days = list(tables.raw)
    uncleaned = ordered_parallel_map(lambda day: uncleaned_table(store, day, tables), days)
    found = {day for day, seal in zip(days, uncleaned, strict=True) if seal}
    return sorted(found.union(unread_files(store)))


def uncleaned_table(store: Store, day: str, tables: Tables) -> str:
    """The seal of a day's raw table, if there should be a clean table of it and is none.

    A clean table that does not name its raw table is from before tables did so, and is taken to
    be of the newest one, unless that one is from later.
    """
    if day not in tables.raw:
        return ""
    raw = table_metadata(store, tables.raw[day])
    clean = table_metadata(store, tables.clean[day]) if day in tables.clean else None
    is_clean = clean is not None and (
        clean[MADE_OF] == raw[SEAL] if MADE_OF in clean else STOPPED not in raw
    )
    last = clean if clean is not None and is_clean else raw
    waits = accepted(store, day) is not None if last.get(STOPPED) else not is_clean
    return raw[SEAL] if waits else ""


def _by_day(store: Store, asset: str) -> dict[str, StoredObject]:
    prefix = f"{layout.TABLES}{asset}/"
    found = store.list_objects(prefix)
    return {one.key.removeprefix(prefix).removesuffix(".parquet"): one for one in found}
