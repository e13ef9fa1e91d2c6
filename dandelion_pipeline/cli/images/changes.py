"""What an import says of a source that was imported before."""

from dandelion_pipeline.cli.report import say
from dandelion_pipeline.errors import Refused
from dandelion_pipeline.ingest.changes import Changes

LARGEST_GONE = 0.5
"""The share of a source's photos that `--mirror` leaves out unasked: more may be a disk that is
not mounted, or half of a download."""


def say_changes(changes: Changes, spec: str, *, mirror: bool) -> None:
    """One line for each kind of change since the last import of the source; none for the first."""
    for (old, new), count in changes.moved.items():
        if changes.classes.get(old) == new:
            say(
                "import",
                f"class {old} is now {new}: its {_photos(count)} lie there now; to undo it, name "
                f"the folder {old} again",
            )
        else:
            say("import", f"{_photos(count)} moved from {old} to {new}: the label is now {new}")
    said = {
        "new": changes.new,
        "back again": changes.back,
        "renamed (the same photo, another name)": changes.renamed,
    }
    counted = ", ".join(f"{count} {what}" for what, count in said.items() if count)
    if counted and not changes.is_first:
        say("import", f"since the last import of this source: {counted}")
    if changes.newly_left_out:
        say(
            "import",
            f"{_photos(changes.newly_left_out)} gone from the source: left out of data sets until "
            "the source holds them again",
        )
    if changes.gone and changes.still_in and not mirror:
        say(
            "import",
            f"{_photos(changes.gone)} that the last import held "
            f"{'is' if changes.gone == 1 else 'are'} gone from the source and "
            f"{'stays' if changes.gone == 1 else 'stay'} in the data set. To leave out what the "
            f"source holds no more: `dandelion images import {spec or 'sample'} --mirror`, or "
            "MIRROR=1 with make run",
        )


def require_most_are_there(changes: Changes, describe: str) -> None:
    """Refuse to mirror a source that lost more than `LARGEST_GONE` of its photos.

    Raises:
        Refused: so many are gone.
    """
    gone, before = changes.newly_left_out, changes.in_data_set
    if gone > LARGEST_GONE * before:
        raise Refused(
            f"mirroring {describe}",
            f"{gone} of the {before} photos that it held are gone, more than half: is it whole, "
            "and is the disk mounted",
            "Nothing is left out, and new photos stay. If they are gone for good: the same "
            "command with --force (MIRROR=force with make run)",
        )


def _photos(count: int) -> str:
    return f"{count} photo" if count == 1 else f"{count} photos"
