"""How groups of photos are dealt to splits: in each class, to the split that lacks most."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
SHARES = {TRAIN: 0.7, VALIDATION: 0.1, TEST: 0.2}
FEWEST_GROUPS = len(SPLITS)
"""Groups that a class needs at least: one for each split."""

NOWHERE = -1
"""In place of an index of `SPLITS`: the group has no split."""

_WEIGHTS = [round(share * 10) for share in SHARES.values()]
ANYWHERE = tuple(range(len(SPLITS)))


@dataclass(frozen=True, slots=True)
class Group:
    """Photos that stay together."""

    name: str
    size: int
    """Photos."""

    classes: tuple[int, ...]
    """The classes of its photos, the one with the fewest groups first."""

    allowed: tuple[int, ...] = ANYWHERE
    """Indices of `SPLITS`: where it may go."""

    resembles: tuple[tuple[int, ...], ...] = ()
    """Of a group whose photos all resemble other groups: those of each photo, by their index."""


class Deal:
    """Groups on their way into splits.

    In each class, groups go by size, the largest first, and then by salted hash; each goes to the
    split that lacks most, counted in groups. So a split has its share of a class's groups within
    one group, and of its photos within the largest group. The classes with the fewest groups go
    first (Sechidis et al. 2011, On the Stratification of Multi-Label Data).

    Groups whose photos all resemble other groups come last and go where those are, as long as
    that split has not more than its share; elsewhere their photos would only be left out.
    """

    def __init__(
        self, groups: Sequence[Group], splits: Sequence[int], classes: int, salt: str
    ) -> None:
        """Begin with the groups that have a split already.

        Args:
            groups: all of them.
            splits: the split of each, an index of `SPLITS`, or `NOWHERE`.
            classes: how many there are.
            salt: `DANDELION_SPLIT_SALT`.
        """
        self.groups, self.splits, self._salt = groups, list(splits), salt
        self._counts = [[0] * len(SPLITS) for _ in range(classes)]
        self._waiting, self._groups_of = [0] * classes, [0] * classes
        for group, split in zip(groups, splits, strict=True):
            for label in group.classes:
                self._groups_of[label] += 1
                if split != NOWHERE:
                    self._counts[label][split] += 1
                elif not group.resembles:
                    self._waiting[label] += 1

    def all(self) -> list[int]:
        """The split of each group; `NOWHERE` if its photos would be left out wherever it went."""
        waiting = [index for index, split in enumerate(self.splits) if split == NOWHERE]
        waiting.sort(key=self._turn)
        for index in waiting:
            if not self.groups[index].resembles:
                self._give(index, self._choice(self.groups[index]))
                for label in self.groups[index].classes:
                    self._waiting[label] -= 1
        self._deal_followers([i for i in waiting if self.groups[i].resembles])
        return self.splits

    def _turn(self, index: int) -> tuple[int, int, int, bytes]:
        group = self.groups[index]
        first = group.classes[0]
        digest = hashlib.sha256(f"{self._salt}:{group.name}".encode()).digest()
        return self._groups_of[first], first, -group.size, digest

    def _give(self, index: int, split: int) -> None:
        self.splits[index] = split
        for label in self.groups[index].classes:
            self._counts[label][split] += 1

    def _choice(self, group: Group) -> int:
        """Where a group goes; the last groups of a class fill the splits that have none."""
        allowed = group.allowed
        for label in group.classes:
            counts = self._counts[label]
            if counts.count(0) >= self._waiting[label]:
                allowed = tuple(s for s in allowed if not counts[s]) or allowed
        if len(allowed) == 1:
            return allowed[0]
        lacks = [self._lack(label, allowed) for label in group.classes]
        counts = self._counts[group.classes[0]]
        ranks = [
            (lacks[0][i], sum(lack[i] for lack in lacks), -counts[split])
            for i, split in enumerate(allowed)
        ]
        return allowed[ranks.index(max(ranks))]

    def _lack(self, label: int, allowed: Sequence[int]) -> list[int]:
        """What each split lacks once the class has one more group, in groups times a constant."""
        counts = self._counts[label]
        whole = sum(_WEIGHTS[split] for split in allowed)
        number = 1 + sum(counts[split] for split in allowed)
        return [_WEIGHTS[split] * number - whole * counts[split] for split in allowed]

    def _deal_followers(self, followers: list[int]) -> None:
        """Until nothing changes, so that dealing again would change nothing either."""
        while followers:
            rest = [index for index in followers if not self._follow(index)]
            if len(rest) == len(followers):
                rest = [index for index in followers if not self._start(index)]
                if len(rest) == len(followers):
                    return
            followers = rest

    def _resembled(self, index: int) -> list[set[int]]:
        """The splits that each photo of a group resembles photos of, as far as they are dealt."""
        return [
            {self.splits[other] for other in others} - {NOWHERE}
            for others in self.groups[index].resembles
        ]

    def _start(self, index: int) -> bool:
        """Deal a group if what it resembles has no split; one dealt before may lead others."""
        if any(self._resembled(index)):
            return self._follow(index)
        self._give(index, self._choice(self.groups[index]))
        return True

    def _follow(self, index: int) -> bool:
        group = self.groups[index]
        counts = self._counts[group.classes[0]]
        whole, number = sum(_WEIGHTS), 1 + sum(counts)
        for found in self._resembled(index):
            if len(found) != 1:
                continue
            (split,) = found
            if split in group.allowed and _WEIGHTS[split] * number >= whole * counts[split]:
                self._give(index, split)
                return True
        return False
