"""Groups of photos that stay in one split: near-duplicates, copies, and groups of the user's."""

from collections.abc import Sequence


def joined_groups(groups: Sequence[str], *others: Sequence[str]) -> list[str]:
    """The group that each photo is in once all kinds of groups are joined.

    Photos of one patient, plant or session (a group of the user's) stay together, and so do
    near-duplicates, and rotated or cropped copies; groups that share a photo are one (union-find).

    Args:
        groups: the group of near-duplicates of each photo.
        others: the groups of another kind of each photo, or empty texts.

    Returns:
        The name of each photo's group: the first, by its text, of the groups that are joined.
    """
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while (higher := above.get(name, name)) != name:
            above[name] = above.get(higher, higher)
            name = higher
        return name

    for kind in others:
        first_of: dict[str, str] = {}
        for group, name in zip(groups, kind, strict=True):
            if name:
                one, other = sorted((top(group), top(first_of.setdefault(name, group))))
                above[other] = one
    return [top(group) for group in groups] if above else list(groups)
