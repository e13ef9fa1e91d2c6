"""What is said of a file in a landing folder, and what is said of it by its name alone."""

from dataclasses import dataclass

from dandelion_pipeline.ingest.sources.entries import MARKER, ignored_as
from dandelion_pipeline.ingest.sources.labels import fault, tidied
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects import listing
from dandelion_pipeline.storage.objects.listing import OddObject, StoredObject

ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"
IGNORED = "ignored"
"""The status of what is never a photo: hidden files, sidecars, folder markers and the like."""


@dataclass(frozen=True)
class Verdict:
    """The status of a file with its reason in a word, and in a sentence."""

    status: str
    reason: str = ""
    detail: str = ""
    format: str = ""
    is_sample: bool = False


UNREADABLE = "unreadable"
"""The reason for a file that could not be read; the next intake tries it again."""

_BAD_NAME = Verdict(
    REJECTED,
    "unreadable name",
    "its name has a control character or a backslash, an empty part, or ends in # and digits; "
    "rename it",
)
_MISPLACED = Verdict(REJECTED, "misplaced", "it does not lie in landing/<day>/<label>/")


def of_odd(odd: OddObject) -> tuple[StoredObject, Verdict]:
    """What a listing calls odd, as a file and its verdict."""
    file = StoredObject(odd.key, odd.size, odd.modified)
    if odd.reason == listing.MARKER:
        return file, Verdict(IGNORED, MARKER)
    kind = _ignored_kind(file)
    if kind:
        return file, Verdict(IGNORED, kind)
    if odd.reason == listing.BAD_NAME:
        return file, _BAD_NAME
    return file, Verdict(REJECTED, UNREADABLE, f"it cannot be read: {odd.reason}")


def _ignored_kind(file: StoredObject) -> str | None:
    below = file.key.split("/", 2)[2:]  # landing/<day>/ is ours
    return ignored_as(below[0], file.size) if below else None


def by_name(file: StoredObject) -> Verdict | None:
    """The verdict on a file that need not be read, or None."""
    kind = _ignored_kind(file)
    if kind:
        return Verdict(IGNORED, kind)
    place = layout.split_landing_key(file.key)
    if place is None:
        return _MISPLACED
    why = fault(tidied(place[1]))
    detail = f"the folder {place[1]!r} is no class: {why}"
    return Verdict(REJECTED, "bad label", detail) if why else None
