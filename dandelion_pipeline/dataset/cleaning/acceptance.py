"""A person's word that a day which its checks stopped is fit for the data set all the same."""

from pydantic import BaseModel, ConfigDict, ValidationError

from dandelion_pipeline.errors import ObjectDamaged, ObjectNotFound
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.sealed import seal, unseal


class Acceptance(BaseModel):
    """Who accepted a day, when and why. It holds for all photos of the day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day: str
    """``YYYY-MM-DD``."""

    who: str
    when: str
    """ISO 8601, UTC."""

    why: str


def accept(store: Store, acceptance: Acceptance) -> None:
    """Write it down; a later one for the same day replaces it."""
    document = acceptance.model_dump_json(indent=2).encode()
    store.put(layout.accepted_day(acceptance.day), seal(document))


def accepted(store: Store, day: str) -> Acceptance | None:
    """Who accepted a day, or None if nobody did.

    Raises:
        ObjectDamaged: what was written down is not as it was written.
    """
    key = layout.accepted_day(day)
    try:
        document = unseal(store.get(key))
    except ObjectNotFound:
        return None
    try:
        if document is not None:
            return Acceptance.model_validate_json(document)
    except ValidationError:
        pass  # sealed, and yet not by us
    raise ObjectDamaged(
        store.address(key),
        "it is not as it was written",
        f"Delete it, and accept {day} again: `dandelion images accept {day} --reason …`",
    )
