"""Whether a landed file is a photo, and what else is made of it while it is decoded."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from dandelion_pipeline.errors import ImageRefused, StoreError
from dandelion_pipeline.images.decoding.decode import Photo, decode
from dandelion_pipeline.images.sample.photos import is_sample
from dandelion_pipeline.ingest.verdicts import ACCEPTED, REJECTED, UNREADABLE, Verdict
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import StoredObject, sha256_hex


class Inspection(Protocol):
    """What else is made of each photo, as it is decoded anyway."""

    def of(self, photo: Photo) -> dict[str, object]:
        """What is made of a photo; called in threads."""

    def keep(self, hashes: Sequence[str], found: Sequence[dict[str, object]]) -> None:
        """Keep what was made of some photos, by their SHA-256."""


@dataclass(frozen=True)
class Judged:
    """A file that has been judged."""

    row: dict[str, object]
    data: bytes
    """Its bytes, until they are kept."""

    found: dict[str, object]
    """What an `Inspection` made of it."""

    is_new: bool = False
    """Whether it was not kept before."""

    @property
    def is_accepted(self) -> bool:
        """Whether it is a photo."""
        return self.row["status"] == ACCEPTED

    @property
    def key(self) -> str:
        """Where it landed."""
        return str(self.row["key"])

    @property
    def sha256(self) -> str:
        """The hash of its bytes."""
        return str(self.row["sha256"])


def judge(
    file: StoredObject,
    read: bytes | StoreError,
    spelled: Mapping[str, str],
    inspection: Inspection | None,
) -> Judged:
    """Judge a file by its bytes, or by the error that came in their place."""
    data = b"" if isinstance(read, StoreError) else read
    found: dict[str, object] = {}
    if isinstance(read, StoreError):
        verdict = Verdict(REJECTED, UNREADABLE, f"it cannot be read: {read.why}")
    else:
        try:
            photo = decode(data)
        except ImageRefused as refusal:
            verdict = Verdict(REJECTED, refusal.reason, str(refusal))
        else:
            verdict = Verdict(ACCEPTED, format=photo.format, is_sample=is_sample(photo))
            found = inspection.of(photo) if inspection is not None else {}
    return Judged(row_of_file(file, data, verdict, spelled), data, found)


def row_of_file(
    file: StoredObject, data: bytes, verdict: Verdict, spelled: Mapping[str, str]
) -> dict[str, object]:
    """One row of `intake.RAW_SCHEMA`.

    Args:
        file: as the landing folder lists it.
        data: its bytes; empty if nobody reads them.
        verdict: what is said of it.
        spelled: the class that each folder means: see `spelling`.
    """
    day, label, name = layout.split_landing_key(file.key) or ("", "", file.key)
    return {
        "key": file.key,
        "day": day,
        "label": spelled.get(label, label),
        "name": name,
        "size": file.size,
        "modified": file.modified.isoformat(),
        "sha256": sha256_hex(data),
        **asdict(verdict),
    }
