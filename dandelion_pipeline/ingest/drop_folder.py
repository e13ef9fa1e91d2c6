"""The drop folder: photos in class folders, of which each day gets a share.

This is what the legacy Airflow DAG does. It stands on the base dependencies alone, since
that is all the Airflow image has.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from dandelion_pipeline.errors import SettingsError, SourceError
from dandelion_pipeline.images.decoding.decode import MAX_BYTES
from dandelion_pipeline.ingest.retention.cleared import all_cleared
from dandelion_pipeline.ingest.sources.entries import Notes, ignored_as
from dandelion_pipeline.ingest.sources.folder import check_is_folder, files_below, read_start
from dandelion_pipeline.ingest.sources.labels import checked_label, one_spelling, tidied
from dandelion_pipeline.ingest.sources.layouts.class_folders import from_folders
from dandelion_pipeline.ingest.sources.photo import safe_name
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store

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

    odd: dict[str, str] = field(default_factory=dict)
    """What could not be read, and why, by path. The next upload tries it again."""


def scan(folder: Path) -> dict[str, int]:
    """Count the photos of each class in a drop folder; what is no photo is left aside.

    Raises:
        SourceError: the folder is missing, cannot be read, or holds no class folders, or the
            name of one is no class name.
    """
    return {label: len(names) for label, names in _photos(folder, Notes(), ()).items()}


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
        SourceError: see `scan`.
        StoreError: the store refused.
        StoreUnavailable: the store did not answer. What was uploaded stays.
    """
    _check(day, each)
    notes = Notes()
    landed = _landed(store)
    photos = _photos(folder, notes, landed)
    lacking = share(photos, landed, day, each)

    def objects() -> Iterator[tuple[str, bytes]]:
        for label, names in lacking.items():
            for name in names:
                try:
                    data = read_start(photos[label][name], MAX_BYTES + 1)
                except OSError as error:  # the next upload tries it again
                    notes.odd[str(photos[label][name])] = error.strerror or str(error)
                else:
                    yield layout.landing_photo(day, label, name), data

    uploaded = dict.fromkeys(photos, 0)
    present = {label: len(landed[label][day]) for label in photos}
    for key, written in store.put_many(objects(), if_absent=True):
        _, label, _ = layout.split_landing_key(key) or ("", "", "")
        (uploaded if written else present)[label] += 1
    waiting = {
        label: len(set(paths).difference(*landed[label].values())) - len(lacking[label])
        for label, paths in photos.items()
    }
    return Upload(day, uploaded, present, waiting, notes.odd)


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


def _photos(folder: Path, notes: Notes, known: Iterable[str]) -> dict[str, dict[str, Path]]:
    """The files by class and by the name that they have in the store."""
    folder = folder.expanduser().absolute()
    check_is_folder(folder)
    where, remedy = f"the folder {folder}", f"Put photos into {folder}/<class>/"
    files = [e for e in files_below(folder, notes) if notes.takes(e.path)]
    if not files and not notes.odd:
        raise SourceError(where, "it is empty", remedy)
    placed = from_folders(files, notes, where, remedy, wrapped=False)
    # Nobody is there to be asked: names that differ in capitals alone are one class.
    spelled = one_spelling(Counter(p.label for p in placed), known, where, merge_case=True)
    photos: dict[str, dict[str, Path]] = {label: {} for label in sorted(set(spelled.values()))}
    for p in placed:
        named = photos[spelled[p.label]]
        name = safe_name(p.rest)
        named[safe_name(p.entry.path) if name in named else name] = folder / p.entry.path
    for top in sorted(folder.iterdir()):  # a class whose photos are still to come
        label = tidied(top.name)
        if top.is_dir() and _is_empty(top) and not ignored_as(f"{top.name}/1.jpg"):
            photos.setdefault(checked_label(label, where), {})
    return photos


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:  # it is among the notes already
        return False


def _landed(store: Store) -> dict[str, dict[str, set[str]]]:
    landed: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    there = [(o.key, o.size) for o in store.survey(layout.LANDING).objects]
    for key, size in [*there, *((key, None) for key in all_cleared(store))]:
        place = layout.split_landing_key(key)
        if place is not None and ignored_as("/".join(place[1:]), size) is None:
            day, label, name = place
            landed[tidied(label)][day].add(name)
    return landed
