"""Groups of photos that stay in one split: near-duplicates, and groups of the user's own."""

from collections.abc import Sequence


def joined_groups(groups: Sequence[str], user_groups: Sequence[str]) -> list[str]:
    """The group that each photo is in once both kinds of groups are joined.

    Photos of one patient, plant or session (a group of the user's) stay together, and so do
    near-duplicates; what shares a photo with both is one group (union-find).

    Args:
        groups: the group of near-duplicates of each photo.
        user_groups: the user's own group of each photo, or an empty text.

    Returns:
        The name of each photo's group: the first, by its text, of the groups that are joined.
    """
    above: dict[str, str] = {}
    first_of: dict[str, str] = {}

    def top(name: str) -> str:
        while (higher := above.get(name, name)) != name:
            above[name] = above.get(higher, higher)
            name = higher
        return name

    for group, user_group in zip(groups, user_groups, strict=True):
        if user_group:
            one, other = sorted((top(group), top(first_of.setdefault(user_group, group))))
            above[other] = one
    return [top(group) for group in groups] if above else list(groups)
