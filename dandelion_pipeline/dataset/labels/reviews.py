"""What people decided about single photos, kept as data and applied from then on.

Decisions are numbered and never changed; the last one about a photo counts. The files, their
measures and the labels of their folders stay as they are.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

import pyarrow as pa

from dandelion_pipeline.errors import ReviewError
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.numbered_log import Entry, NumberedLog

Decision = Literal["relabel", "drop", "keep"]
LONGEST_REASON = 500


class Review(Entry):
    """One decision."""

    decision: Decision
    sha256: str
    label: str
    """The label that the photo has from then on; for a dropped photo, the one it had."""

    who: str
    when: str
    """ISO 8601, UTC."""

    why: str


def decide(
    store: Store, decision: Decision, sha256: str, label: str, *, who: str, why: str
) -> Review:
    """Write a decision down.

    Args:
        store: where the photos lie.
        decision: to give the photo another label, to leave it out, or to confirm its label.
        sha256: of the photo.
        label: that it has from then on.
        who: a person.
        why: the reason, one line of `LONGEST_REASON` characters at most.

    Raises:
        ReviewError: there is no such reason.
    """
    return decide_all(store, decision, [(sha256, label)], who=who, why=why)[0]


def decide_all(
    store: Store, decision: Decision, photos: Iterable[tuple[str, str]], *, who: str, why: str
) -> list[Review]:
    """Write the same decision down about several photos.

    Args:
        store: where the photos lie.
        decision: as in `decide`.
        photos: SHA-256 and label of each.
        who: a person.
        why: the reason, as in `decide`.

    Raises:
        ReviewError: there is no such reason.
    """
    check_reason(why)
    log = _log(store)
    number = log.highest()
    written: list[Review] = []
    for sha256, label in photos:
        while True:
            number += 1
            entry = Review(
                number=number,
                decision=decision,
                sha256=sha256,
                label=label,
                who=who,
                when=datetime.now(UTC).isoformat(timespec="seconds"),
                why=why.strip(),
            )
            if log.append(entry):
                written.append(entry)
                break  # else somebody else decided something at the same time
    return written


def check_reason(why: str) -> None:
    """Refuse a reason that is none.

    Raises:
        ReviewError: it is empty, too long, or more than one line.
    """
    if not why.strip() or len(why) > LONGEST_REASON or not why.isprintable():
        raise ReviewError(
            f"the reason {why[:40]!r}",
            f"it is empty, longer than {LONGEST_REASON} characters, or more than one line of text",
            "Say in one line why: `--reason …`",
        )


def reviews(store: Store) -> list[Review]:
    """All decisions, oldest first.

    Raises:
        ReviewError: one is missing or cannot be read.
    """
    return _log(store).entries()


def latest(decided: Iterable[Review]) -> dict[str, Review]:
    """The decision that counts, by photo."""
    return {review.sha256: review for review in decided}


def apply(photos: pa.Table, by_photo: Mapping[str, Review]) -> pa.Table:
    """Photos as people want them.

    Args:
        photos: columns ``sha256``, ``label``, ``keep`` and ``drop_reason``, among others.
        by_photo: what `latest` gives.

    Returns:
        The same table with other labels, and with dropped photos not kept.
    """
    if not by_photo:
        return photos
    columns = {name: photos[name].to_pylist() for name in ("label", "keep", "drop_reason")}
    for row, sha256 in enumerate(photos["sha256"].to_pylist()):
        review = by_photo.get(sha256)
        if review is None:
            continue
        if review.decision == "drop":
            columns["keep"][row] = False
            columns["drop_reason"][row] = DROPPED
        else:
            columns["label"][row] = review.label
    for name, values in columns.items():
        at = photos.schema.get_field_index(name)
        field = photos.schema.field(at)
        photos = photos.set_column(at, field, pa.array(values, field.type))
    return photos


DROPPED = "dropped by a review"


def _log(store: Store) -> NumberedLog[Review]:
    return NumberedLog(store, layout.REVIEWS, layout.review, Review, _broken)


def _broken(address: str, why: str) -> ReviewError:
    return ReviewError(
        f"the review {address}",
        why,
        "Restore it from a backup or from the bucket's versions; reviews are never edited by hand",
    )
