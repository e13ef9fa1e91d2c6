"""The configurations of a store: numbered entries, never changed. The highest number holds."""

from datetime import UTC, datetime

from dandelion_pipeline.configuration.document import Configuration
from dandelion_pipeline.errors import ObjectNotFound, SettingsError
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline.storage.records.numbered_log import Entry, NumberedLog


class Configured(Entry):
    """One decision."""

    configuration: Configuration
    who: str
    when: str
    """ISO 8601, UTC."""

    why: str

    @property
    def in_words(self) -> str:
        """Which one it is, and whose."""
        return f"configuration {self.number} ({self.who}, {self.when[:10]}: {self.why})"


def highest(store: Store) -> int:
    """The number of the newest decision; 0 if nobody has decided anything."""
    return _log(store).highest()


def in_force(store: Store) -> Configured | None:
    """The newest decision; None if nobody has decided anything, so that the defaults hold.

    Raises:
        SettingsError: it cannot be read.
    """
    log = _log(store)
    number = log.highest()
    return log.read(number) if number else None


def configuration(store: Store) -> Configuration:
    """What holds now.

    Raises:
        SettingsError: it cannot be read.
    """
    found = in_force(store)
    return found.configuration if found else Configuration()


def history(store: Store) -> list[Configured]:
    """All decisions, oldest first.

    Raises:
        SettingsError: one is missing or cannot be read.
    """
    return _log(store).entries()


def configure(store: Store, chosen: Configuration, *, after: int, who: str, why: str) -> Configured:
    """Make a configuration hold from now on.

    Args:
        store: where it is kept.
        chosen: the whole configuration.
        after: the number of what was in force when it was made; 0 for none.
        who: a person.
        why: the reason, for people.

    Raises:
        SettingsError: the reason is none, or somebody else changed the configuration meanwhile.
    """
    if not why.strip():
        raise SettingsError("the reason", "it is empty", "Say why: --reason …")
    entry = Configured(
        number=after + 1,
        configuration=chosen,
        who=who,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        why=why.strip(),
    )
    if not _log(store).append(entry):
        raise SettingsError(
            "the configuration",
            "somebody else changed it at the same time",
            "Look at it with `dandelion config show`, and decide again",
        )
    return entry


def gate_since(store: Store) -> str:
    """Since when the gate's limits are what they are (ISO 8601, UTC); empty if since ever.

    An earlier configuration that cannot be read may have had other limits.

    Raises:
        SettingsError: the newest configuration cannot be read.
    """
    newest = in_force(store)
    if newest is None:
        return ""
    limits, since, log = newest.configuration.gate_limits, newest.when, _log(store)
    for number in range(newest.number - 1, 0, -1):
        try:
            earlier = log.read(number)
        except (SettingsError, ObjectNotFound):
            return since
        if earlier.configuration.gate_limits != limits:
            return since
        since = earlier.when
    return "" if limits == Configuration().gate_limits else since


def _log(store: Store) -> NumberedLog[Configured]:
    return NumberedLog(store, layout.CONFIGURATIONS, layout.configuration, Configured, _broken)


def _broken(address: str, why: str) -> SettingsError:
    return SettingsError(
        f"the configuration {address}",
        why,
        "Restore it from a backup or from the bucket's versions, or write the next one: "
        "`dandelion config apply FILE --reason …`",
    )
