"""A look at the days that wait which costs the same however many days the store holds.

To list a whole landing zone of 200,000 files takes seconds on S3, and nothing in S3 tells which of
its folders have changed. So each look lists the days where something is likely, and a share of
the others: in turn, they all come up.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dandelion_pipeline.dataset.cleaning.waiting import Tables, Waiting, uncleaned_table
from dandelion_pipeline.errors import ObjectDamaged
from dandelion_pipeline.ingest.landing import is_ingested
from dandelion_pipeline.ingest.unread import unread_of_day
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map

FILES = 1_500
"""A look ends once it has listed so many files: some 0.1 s on S3."""

DAYS = 8
"""So many days of each kind are looked at, though they have few files: each is four requests."""

_AT_ONCE = 2  # days


@dataclass(frozen=True)
class Look:
    """What a look at the store found."""

    days: frozenset[str]
    """The days that were looked at."""

    waiting: dict[str, Waiting]
    """Those of them that wait, oldest first."""

    last: str
    """The last of the days that come up in turn."""

    damaged: tuple[ObjectDamaged, ...] = ()
    """Tables that are not as they were written; nothing is said of their days."""


def look(store: Store, closely: Iterable[str], after: str = "", files: int = FILES) -> Look:
    """Look at some days.

    Args:
        store: the store.
        closely: days to look at in any case.
        after: the other days come up in turn from the one after this, a `Look.last`.
        files: so many files are listed, or those of a few days of each kind, if these are more.

    Returns:
        What was found of these days, of days whose raw table has no clean table, of new days, and
        of a share of the others.
    """
    tables = Tables.of(store)
    landed = {day for day in store.folders(layout.LANDING) if is_ingested(day)}
    seen = _Seen(store, tables)
    certain = {day for day in closely if day in landed or day in tables.raw}
    seen.at(sorted(certain.union(seen.uncleaned())), files=0)
    seen.at(sorted(landed.difference(tables.raw, seen.days), reverse=True), files)
    others = sorted(landed.difference(seen.days))
    in_turn = [day for day in others if day > after] + [day for day in others if day <= after]
    last = seen.at(in_turn, files) or after
    waiting = dict(sorted(seen.waiting.items()))
    return Look(frozenset(seen.days), waiting, last, tuple(seen.damaged.values()))


class _Seen:
    def __init__(self, store: Store, tables: Tables) -> None:
        self._store = store
        self._tables = tables
        self._listed = 0
        self.days: set[str] = set()
        self.waiting: dict[str, Waiting] = {}
        self.damaged: dict[str, ObjectDamaged] = {}

    def uncleaned(self) -> set[str]:
        """The days whose raw table has no clean table, as far as a listing gives a hint."""
        stale = [day for day in self._tables.raw if _may_be_uncleaned(self._tables, day)]
        seals = ordered_parallel_map(self._seal, stale)
        return {day for day, seal in zip(stale, seals, strict=True) if seal}

    def at(self, days: Sequence[str], files: int) -> str:
        """Look at `DAYS` until so many files were listed, 0 for all. Gives the last one."""
        last = ""
        for some in _batched(days[:DAYS], _AT_ONCE) if files else [days]:
            for day, waiting in ordered_parallel_map(self._look, some):
                last = day
                self.days.add(day)
                if waiting:
                    self.waiting[day] = waiting
            if files and self._listed >= files:
                break
        return last

    def _look(self, day: str) -> tuple[str, Waiting]:
        landed = self._store.survey(layout.landing_day(day)).objects
        self._listed += len(landed)
        uncleaned = self._seal(day)
        try:
            return day, Waiting(unread_of_day(self._store, day, landed), uncleaned)
        except ObjectDamaged as error:
            self.damaged[day] = error
            return day, Waiting()

    def _seal(self, day: str) -> str:
        try:
            return uncleaned_table(self._store, day, self._tables)
        except ObjectDamaged as error:
            self.damaged[day] = error
            return ""


def _batched(days: Sequence[str], number: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(days), number):
        yield days[start : start + number]


def _may_be_uncleaned(tables: Tables, day: str) -> bool:
    """Whether a day's clean table is missing or older than its raw table, as the listing says."""
    clean = tables.clean.get(day)
    return clean is None or clean.modified < tables.raw[day].modified
