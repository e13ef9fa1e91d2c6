"""The drop folder: photos in class folders, of which each day gets a share.

This is what the legacy Airflow DAG does. It stands on the base dependencies alone, since
that is all the Airflow image has.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.images.sources.folder import class_folders, files_below, read_photo
from dandelion_pipeline.images.sources.photo import checked_label, safe_name
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.store import Store

SHARE = 10
"""Photos of each class that a day gets."""


@dataclass(frozen=True)
class Upload:
    """What one upload did, by class."""

    day: str
    uploaded: dict[str, int]
    present: dict[str, int]
    """Photos that lay in the day's landing folder before."""

    waiting: dict[str, int]
    """Photos that are left for other days."""


def scan(folder: Path) -> dict[str, int]:
    """Count the files of each class in a drop folder; hidden ones are left aside.

    Raises:
        SourceError: the folder is missing, cannot be read, or holds no class folders, or the
            name of one is no class name.
    """
    return {label: len(names) for label, names in _photos(folder).items()}


def share(
    photos: Mapping[str, Iterable[str]],
    landed: Mapping[str, Mapping[str, set[str]]],
    day: str,
    each: int,
) -> dict[str, list[str]]:
    """The names of each class that a day still lacks, in order.

    A day's share is the first ``each`` photos, by name, that did not land on another day.
    Whatever lies there already counts towards it, so once it is complete it stays as it is,
    also when photos were added to the drop folder or taken from it since.

    Args:
        photos: names by class.
        landed: names that lie in the store, by class and day.
        day: ``YYYY-MM-DD``.
        each: photos of a class.
    """
    lacking = {}
    for label, names in photos.items():
        days = landed.get(label, {})
        fresh = sorted(set(names).difference(*days.values()))
        lacking[label] = fresh[: max(0, each - len(days.get(day, ())))]
    return lacking


def upload(store: Store, folder: Path, day: str, each: int = SHARE) -> Upload:
    """Upload a day's share of a drop folder to the day's landing folder.

    It can be repeated at any time, after a crash in the middle or for a day in the past: a
    complete share is left as it is, and an incomplete one is filled up. Two uploads for the
    same day at once agree on the share. A photo is known by its class and its name, and goes
    to one day only, as long as uploads for different days follow one another: what lies in the
    store is looked at just before the first photo is written, and two days at once could both
    choose the same photo then. The DAG runs once at a time for that reason.

    Args:
        store: where to.
        folder: holds one folder for each class.
        day: ``YYYY-MM-DD``.
        each: photos of each class, at least 1.

    Raises:
        SettingsError: the day or the share makes no sense.
        SourceError: see `scan`; or a photo cannot be read.
        StoreError: the store refused.
        StoreUnavailable: the store did not answer. What was uploaded stays.
    """
    _check(day, each)
    photos = _photos(folder)
    landed = _landed(store)
    lacking = share(photos, landed, day, each)
    objects = (
        (layout.landing_photo(day, label, name), read_photo(photos[label][name]))
        for label, names in lacking.items()
        for name in names
    )
    uploaded = dict.fromkeys(photos, 0)
    present = {label: len(landed[label][day]) for label in photos}
    for key, written in store.put_many(objects, if_absent=True):
        _, label, _ = layout.split_landing_key(key) or ("", "", "")
        (uploaded if written else present)[label] += 1
    waiting = {
        label: len(set(paths).difference(*landed[label].values())) - len(lacking[label])
        for label, paths in photos.items()
    }
    return Upload(day, uploaded, present, waiting)


def _check(day: str, each: int) -> None:
    try:
        is_day = date.fromisoformat(day).isoformat() == day
    except ValueError:
        is_day = False
    if not is_day:
        raise SettingsError(
            f"the day {day!r}", "it is no day of the calendar", "Write it as YYYY-MM-DD"
        )
    if each < 1:
        raise SettingsError(
            f"the share of {each} photos", "a day gets at least 1", "Correct DANDELION_SHARE"
        )


def _photos(folder: Path) -> dict[str, dict[str, Path]]:
    """The files by class and by the name that they have in the store."""
    folder = folder.expanduser().absolute()
    return {
        checked_label(top.name, f"the folder {folder}"): dict(_named(top))
        for top in class_folders(folder)
    }


def _named(top: Path) -> Iterator[tuple[str, Path]]:
    for path in files_below(top):
        yield safe_name(path.relative_to(top).as_posix()), path


def _landed(store: Store) -> dict[str, dict[str, set[str]]]:
    landed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for found in store.list_objects(layout.LANDING):
        place = layout.split_landing_key(found.key)
        if place is not None:
            day, label, name = place
            landed[label][day].add(name)
    return landed
