"""Photos whose classes are folders: alone, inside other folders, above or below splits."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.ingest.sources.entries import Entry, Notes
from dandelion_pipeline.ingest.sources.placing import Placed, split_of

_SHOWN = 6


def from_folders(
    files: Sequence[Entry], notes: Notes, where: str, remedy: str, *, wrapped: bool = True
) -> list[Placed]:
    """Give each file the class of its folder. What lies deeper in a class belongs to it.

    Args:
        files: what may be photos.
        notes: how the folders were understood is added to these.
        where: the place, for messages.
        remedy: how to arrange photos in such a place.
        wrapped: whether a single folder may hold the class folders; else it is a class.

    Raises:
        SourceError: no folder is a class, or what is one is not clear.
    """
    base = _wrapping(files) if wrapped else ""
    inside = [e for e in files if "/" in e.path[len(base) :]]
    loose = len(files) - len(inside)
    if base and inside:
        notes.said.append(f"the class folders are those in {base.rstrip('/')}")
    tops: dict[str, list[Entry]] = defaultdict(list)
    for entry in inside:
        tops[entry.path[len(base) :].partition("/")[0]].append(entry)
    splits = _split_folders(tops, len(base))
    if splits:
        placed = _below_splits(tops, splits, len(base), notes)
    elif len(tops) > 1 and all(split_of(top) for top in tops):
        raise SourceError(
            where,
            f"it holds {_listed(tops)}, which are names of splits, and no class folders in them",
            "Put a folder for each class into each of them, or a table of labels beside them. "
            f"{remedy}",
        )
    else:
        placed = _below_classes(tops, len(base))
    if files and not placed:
        raise SourceError(
            where,
            f"its {len(files)} files lie side by side, such as {files[0].path!r}, and nothing says "
            "which class each belongs to",
            f"Make a folder for each class and move each photo into the one it belongs to, or add "
            f"labels.csv with the columns file_name and label. {remedy}",
        )
    if loose:
        notes.ignored["files outside the class folders"] += loose
    return placed


def _wrapping(files: Sequence[Entry]) -> str:
    """The folders around all class folders, as ``a/b/``; they say nothing of a class.

    A single folder is one, if some folder in it holds two or more; else it is the only class.
    """
    base, inside = "", [e.path.split("/") for e in files]
    depth = 0
    while True:
        deeper = [parts for parts in inside if len(parts) > depth + 1]
        tops = {parts[depth] for parts in deeper}
        if len(tops) > 1 and 2 * len(deeper) >= len(inside):
            return base
        if len(tops) != 1 or 2 * len(deeper) < len(inside):
            return ""
        base, inside, depth = f"{base}{tops.pop()}/", deeper, depth + 1


def _split_folders(tops: dict[str, list[Entry]], start: int) -> set[str]:
    """The folders that are splits: two or more with class folders, and nothing else that has them.

    Where other class folders lie beside them, they are splits only if the same classes lie in
    each: ``train`` beside ``bus`` and ``car`` is a vehicle.
    """
    named = {
        top: {e.path[start:].split("/")[1] for e in tops[top] if e.path[start:].count("/") > 1}
        for top in tops
        if split_of(top)
    }
    filled = {top: classes for top, classes in named.items() if classes}
    if not filled or len(named) < 2 or len({split_of(top) for top in named}) < 2:  # noqa: PLR2004
        return set()
    shared = set.intersection(*filled.values())
    enough = len(set.union(*filled.values())) > 1
    if len(named) == len(tops):
        return set(named) if enough else set()
    return set(named) if len(shared) > 1 and len(filled) > 1 else set()


def _below_splits(
    tops: dict[str, list[Entry]], splits: set[str], start: int, notes: Notes
) -> list[Placed]:
    placed = []
    for top in sorted(splits):
        for entry in tops[top]:
            parts = entry.path[start:].split("/", 2)
            if len(parts) == 3:  # noqa: PLR2004
                placed.append(Placed(entry, parts[1], parts[2], split_of(top)))
            else:
                notes.ignored[f"files of {top} without a class"] += 1
    for top in sorted(set(tops) - splits):
        notes.ignored[f"files in {top}, beside {_listed(splits)}"] += len(tops[top])
    return placed


def _below_classes(tops: dict[str, list[Entry]], start: int) -> list[Placed]:
    cut = {top: [e.path[start:].split("/", 2) for e in found] for top, found in tops.items()}
    seconds = [parts[1] for found in cut.values() for parts in found if len(parts) == 3]  # noqa: PLR2004
    inner = (
        len(tops) > 1
        and len({split_of(second) for second in seconds}) > 1
        and all(len(parts) == 3 and split_of(parts[1]) for found in cut.values() for parts in found)  # noqa: PLR2004
    )
    return [
        Placed(e, top, e.path[start + len(top) + 1 :], split_of(parts[1]) if inner else "")
        for top in sorted(tops)
        for e, parts in zip(tops[top], cut[top], strict=True)
    ]


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(map(repr, shown[:_SHOWN])) + more
