"""Logs of numbered, sealed entries, each created only if absent and never changed.

Two writers that want the same number cannot both have it: the store's create-if-absent decides.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dandelion_pipeline.errors import DandelionError, ObjectDamaged
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.prefetch import ordered_parallel_map
from dandelion_pipeline.storage.records.sealed import seal, unseal


class Entry(BaseModel):
    """What every entry of a log has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    """By which a writer knows its own entry if the store's answer was lost."""


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class NumberedLog(Generic[E]):
    """A log in a store."""

    store: Store
    prefix: str
    """What its keys begin with, with the slash at the end."""

    key: Callable[[int], str]
    """The key of an entry by its number: the prefix, eight digits or more, and ``.json``."""

    kind: type[E]
    broken: Callable[[str, str], DandelionError]
    """The error for an entry at this address that is not as it should be, and why."""

    def numbers(self) -> list[int]:
        """The numbers of all entries, ascending."""
        names = [o.key.removeprefix(self.prefix) for o in self.store.list_objects(self.prefix)]
        return sorted(int(n[:8]) for n in names if n[8:] == ".json" and n[:8].isdecimal())

    def highest(self) -> int:
        """The number of the newest entry; 0 if there is none."""
        return max(self.numbers(), default=0)

    def entries(self) -> list[E]:
        """All entries, oldest first. Raises ``broken`` if one is missing or cannot be read."""
        numbers = self.numbers()
        for expected, number in enumerate(numbers, 1):
            if number != expected:
                raise self.refusal(expected, "it is missing")
        return list(ordered_parallel_map(self.read, numbers))

    def read(self, number: int) -> E:
        """One entry. Raises ``broken`` if it cannot be read."""
        try:
            document = unseal(self.store.get(self.key(number)))
        except ObjectDamaged as error:
            raise self.refusal(number, error.why) from None
        if document is None:
            raise self.refusal(number, "its seal is missing or broken: it is not as it was written")
        try:
            entry = self.kind.model_validate_json(document)
        except ValidationError as error:
            why = f"it cannot be read ({error.errors()[0]['msg']})"
            raise self.refusal(number, why) from None
        if entry.number != number:
            raise self.refusal(number, f"it says that it is number {entry.number}")
        return entry

    def append(self, entry: E) -> bool:
        """Write an entry under its number. False if somebody else has that number."""
        document = seal(entry.model_dump_json(indent=2).encode())
        if self.store.put_if_absent(self.key(entry.number), document):
            return True
        # Taken: by another writer, or by us, if the answer to a first try was lost on its way.
        return self.read(entry.number).id == entry.id

    def refusal(self, number: int, why: str) -> DandelionError:
        """The error for an entry that is not as it should be."""
        return self.broken(self.store.address(self.key(number)), why)
