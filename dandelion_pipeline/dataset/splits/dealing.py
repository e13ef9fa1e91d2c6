"""The split of each group of a data set's photos: what is assigned stays, the rest is dealt."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from dandelion_pipeline.dataset.splits.assignments import ASSIGNMENTS as SCHEMA
from dandelion_pipeline.dataset.splits.assignments import GROUP, PHOTO, USER_GROUP, Assignments
from dandelion_pipeline.dataset.splits.grouping import joined_groups
from dandelion_pipeline.dataset.splits.strata import (
    ANYWHERE,
    NOWHERE,
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    Deal,
    Group,
)

_FIRST_SAID = (TEST, VALIDATION, TRAIN)
"""Which split a group is in if its photos are in several of the source's: what a person kept for
the test stays there."""


@dataclass(frozen=True)
class Photos:
    """The columns of photos that splits depend on, one entry a photo."""

    sha256: Sequence[str]
    label: Sequence[str]
    group: Sequence[str]
    """Of near-duplicates."""

    bridges: Sequence[Sequence[str]]
    """Other groups of near-duplicates that it resembles."""

    user_group: Sequence[str]
    user_split: Sequence[str]
    joined: Sequence[str]
    """The group that stays in one split."""

    @classmethod
    def of(cls, table: pa.Table) -> "Photos":
        """From a table with these columns; those that the user gives may be absent or null."""
        columns = {name: table[name].to_pylist() for name in ("sha256", "label", "group")}
        for name in ("user_group", "user_split", "copies"):
            there = name in table.column_names
            columns[name] = [v or "" for v in table[name].to_pylist()] if there else []
            columns[name] = columns[name] or [""] * table.num_rows
        bridges = [found or () for found in table["bridges"].to_pylist()]
        joined = joined_groups(columns["group"], columns["user_group"], columns.pop("copies"))
        return cls(**columns, bridges=bridges, joined=joined)

    def groups_by_class(self, used: Sequence[int]) -> Counter[str]:
        """How many groups each class has among the photos of these rows."""
        pairs = {(self.label[row], self.joined[row]) for row in used}
        return Counter(label for label, _ in pairs)


def deal(photos: Photos, used: Sequence[int], assigned: Assignments, salt: str) -> dict[str, int]:
    """The split of each group.

    A group stays where its photos are. If they are in two splits, because it was joined of two
    groups, it goes to one of those. A new group goes where the source says, or is dealt.

    Args:
        photos: all photos.
        used: the rows of those that a split is for.
        assigned: what has a split.
        salt: `DANDELION_SPLIT_SALT`.

    Returns:
        By name of the group, an index of `SPLITS`; `NOWHERE` if its photos resemble photos in
        other splits wherever it goes.
    """
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row in used:
        rows[photos.joined[row]].append(row)
    names = list(rows)
    number = photos.groups_by_class(used)
    order = {label: place for place, label in enumerate(sorted(number))}
    classes = [
        sorted({photos.label[row] for row in rows[name]}, key=lambda x: (number[x], x))
        for name in names
    ]
    allowed = _allowed(photos, rows, classes, assigned)
    resembled = _resembled(photos, rows)
    groups = [
        Group(
            name,
            len(rows[name]),
            tuple(order[label] for label in of),
            splits,
            resembled.get(name, ()) if len(splits) > 1 else (),
        )
        for name, of, splits in zip(names, classes, allowed, strict=True)
    ]
    fixed = [splits[0] if len(splits) == 1 else NOWHERE for splits in allowed]
    return dict(zip(names, Deal(groups, fixed, len(order), salt).all(), strict=True))


def newly_assigned(
    photos: Photos, used: Sequence[int], splits: dict[str, int], assigned: Assignments
) -> pa.Table:
    """What a data set assigns: a table of `ASSIGNMENTS` with what was not assigned like that.

    Args:
        photos: all photos.
        used: the rows of those in the data set.
        splits: what `deal` gave.
        assigned: what it was given.
    """
    own = {photos.sha256[row]: SPLITS[splits[photos.joined[row]]] for row in used}
    found = {(PHOTO, sha256): s for sha256, s in own.items() if sha256 not in assigned.photos}
    among = {photos.joined[row] for row in used}
    for name, group, user_group in zip(photos.joined, photos.group, photos.user_group, strict=True):
        if name not in among:
            continue
        split = SPLITS[splits[name]]
        known = assigned.of_group(group) or own.get(group)
        if known != split:
            found[GROUP, group] = split
        if user_group and assigned.user_groups.get(user_group) != split:
            found[USER_GROUP, user_group] = split
    rows = sorted((kind, name, split) for (kind, name), split in found.items())
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
    return pa.table([pa.array(column, pa.string()) for column in columns], schema=SCHEMA)


def _allowed(
    photos: Photos,
    rows: dict[str, list[int]],
    classes: Sequence[Sequence[str]],
    assigned: Assignments,
) -> list[tuple[int, ...]]:
    """Where each group may go."""
    of_names = _by_name(photos, set(rows), assigned)
    stays = [_stays(photos, rows[name], of_names.get(name, set()), assigned) for name in rows]
    says = [{photos.user_split[row] for row in found} for found in rows.values()]
    taken: defaultdict[str, set[str]] = defaultdict(set)
    for labels, fixed, said in zip(classes, stays, says, strict=True):
        for label in labels:
            taken[label] |= fixed or said
    return [
        tuple(sorted(map(SPLITS.index, fixed))) if fixed else _said(said, taken[labels[0]])
        for labels, fixed, said in zip(classes, stays, says, strict=True)
    ]


def _by_name(photos: Photos, names: set[str], assigned: Assignments) -> dict[str, set[str]]:
    """The splits of the groups that each group was joined of."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    if assigned.photos:
        columns = (photos.joined, photos.group, photos.user_group)
        for name, group, user_group in zip(*columns, strict=True):
            known = (assigned.of_group(group), assigned.user_groups.get(user_group))
            if name in names:
                found[name].update(split for split in known if split)
    return found


def _stays(
    photos: Photos, rows: Sequence[int], of_names: set[str], assigned: Assignments
) -> set[str]:
    """The split of a group of which something is assigned; several if that is in several."""
    here = {split for row in rows if (split := assigned.photos.get(photos.sha256[row])) is not None}
    decided = here & of_names
    if len(here) > 1 and len(decided) == 1:
        return decided
    return here or of_names


def _said(said: set[str], taken: set[str]) -> tuple[int, ...]:
    """Where a new group may go, as the source says.

    A source with no test or validation photos of a class gives them from its training photos.
    """
    first = next((split for split in _FIRST_SAID if split in said), None)
    if first is None:
        return ANYWHERE
    if first != TRAIN:
        return (SPLITS.index(first),)
    return tuple(i for i, split in enumerate(SPLITS) if split == TRAIN or split not in taken)


def _resembled(
    photos: Photos, rows: dict[str, list[int]]
) -> dict[str, tuple[tuple[int, ...], ...]]:
    """The other groups that each photo resembles, of the groups whose photos all do."""
    index = {name: place for place, name in enumerate(rows)}
    joined = dict(zip(photos.group, photos.joined, strict=True))
    found = {}
    for name, members in rows.items():
        others = [bridged(photos, row, joined, index) for row in members]
        if all(others):
            found[name] = tuple(tuple(sorted(index[other] for other in of)) for of in others)
    return found


def bridged(photos: Photos, row: int, joined: dict[str, str], among: dict[str, int]) -> set[str]:
    """The other groups that a photo resembles."""
    groups = {joined.get(group, group) for group in photos.bridges[row]}
    return {group for group in groups if group in among and group != photos.joined[row]}
