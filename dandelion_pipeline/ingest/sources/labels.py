"""Class names: Unicode NFC, trimmed, one spelling each, and fit to be part of a key."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.storage.objects.failures import is_key

LONGEST = 64
"""Characters of a class name; and in UTF-8 at most `_MOST_BYTES`, which any file system takes."""

_MOST_BYTES = 200


# Marks that nobody sees: of the writing direction, of where words may break, of the byte order.
_UNSEEN = dict.fromkeys((0xAD, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF))


def tidied(label: str) -> str:
    """A class name as people mean it: NFC (Unicode Annex 15), white space trimmed and single.

    A Mac writes ``é`` as two characters in file names, where others write one: they look the same.
    """
    return " ".join(unicodedata.normalize("NFC", label.translate(_UNSEEN)).split())


def folded(label: str) -> str:
    """What two spellings of one class have in common, whatever their capitals."""
    text = unicodedata.normalize("NFKC", tidied(label)).casefold()
    return unicodedata.normalize("NFC", text)


def fault(label: str) -> str | None:
    """Why a tidied name can be no class, or None if it can."""
    kinds = {unicodedata.category(character) for character in label}
    faults = (
        (not label, "it is empty"),
        (label.startswith("."), "it begins with a dot, as hidden things do"),
        (
            len(label) > LONGEST or len(label.encode("utf-8", "replace")) > _MOST_BYTES,
            f"it has more than {LONGEST} characters, or {_MOST_BYTES} bytes",
        ),
        ("Cs" in kinds, "it is not UTF-8"),
        (
            "Cc" in kinds or "/" in label or "\\" in label,
            "it has a slash, a backslash or a control character, which no key can have",
        ),
        (not is_key(label), "it ends in # and digits, as the unfinished files of a store do"),
    )
    return next((why for is_so, why in faults if is_so), None)


def checked_label(label: str, where: str) -> str:
    """A class name, tidied.

    Raises:
        SourceError: it can be no part of a key.
    """
    name = tidied(label)
    why = fault(name)
    if why is None:
        return name
    raise SourceError(
        f"the class {label!r} in {where}", f"its name is no class name: {why}", "Rename it"
    )


def one_spelling(
    counts: Mapping[str, int], known: Iterable[str], where: str, *, merge_case: bool
) -> dict[str, str]:
    """The class of each name that a source has.

    Args:
        counts: files by name, as the source spells it.
        known: the classes that the store holds.
        where: the place, for the error message.
        merge_case: take names that differ in capitals alone as one class, without asking.

    Raises:
        SourceError: a name can be no class, or two differ in capitals alone and nobody said
            that they are one class.
    """
    tidy = {name: checked_label(name, where) for name in counts}
    spellings: dict[str, Counter[str]] = {}
    for name, label in tidy.items():
        spellings.setdefault(folded(label), Counter())[label] += counts[name]
    stored = {folded(label): label for label in sorted(known)}
    chosen = {}
    for key, found in spellings.items():
        best = stored.get(key) or min(found, key=lambda label: (-found[label], label))
        others = sorted(set(found) - {best})
        if others and not merge_case:
            raise _clash(best, others[0], where, in_store=key in stored)
        chosen[key] = best
    return {name: chosen[folded(label)] for name, label in tidy.items()}


def _clash(best: str, other: str, where: str, *, in_store: bool) -> SourceError:
    place = "the store holds" if in_store else "beside it lies"
    return SourceError(
        f"the class {other!r} in {where}",
        f"{place} {best!r}, and they differ in capitals alone: one class, or two?",
        f"If they are one, rename {other!r} to {best!r}, or repeat the command with --merge-case; "
        "if they are two, give one of them another name",
    )
