"""Where a file of a source belongs: its class, split and group."""

import re
from dataclasses import dataclass

from dandelion_pipeline.ingest.sources.entries import Entry

SPLITS = {
    **dict.fromkeys(("train", "training", "trn", "train_set", "training_set"), "train"),
    **dict.fromkeys(("valid", "val", "validation", "dev", "validate"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "test_set", "testing_set", "eval"), "test"),
}


@dataclass(frozen=True)
class Placed:
    """A file with what its place says of it."""

    entry: Entry
    label: str
    rest: str
    """Its path below its class."""

    split: str = ""
    group: str = ""
    name: str = ""


def split_of(name: str) -> str:
    """The split that a folder's or a table's word means, or an empty string."""
    return SPLITS.get(re.sub(r"[\s-]+", "_", name.strip().casefold()), "")
