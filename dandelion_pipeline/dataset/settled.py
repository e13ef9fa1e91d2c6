"""The data set that a store makes now, looked at or settled."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from dandelion_pipeline.dataset.checks import BLOCKING, DatasetLimits, check_dataset
from dandelion_pipeline.dataset.cleaning.batch_checks import Finding
from dandelion_pipeline.dataset.dataset import Dataset, build_dataset
from dandelion_pipeline.dataset.splits.assignments import Assignments, History
from dandelion_pipeline.storage.objects.store import Store


@dataclass(frozen=True)
class Checked:
    """A data set and what its checks found."""

    dataset: Dataset
    findings: Sequence[Finding]

    @property
    def stops(self) -> bool:
        """Whether one of its blocking checks is against it."""
        return any(f.check in BLOCKING and not f.passed for f in self.findings)


def previewed(store: Store, photos: pa.Table, salt: str, limits: DatasetLimits) -> Checked:
    """What `settled` would make, without writing anything.

    Args:
        store: where the splits that were assigned lie.
        photos: as `build_dataset` takes them.
        salt: `DANDELION_SPLIT_SALT`.
        limits: what the data set has to be like.

    Raises:
        ObjectDamaged: what was assigned cannot be read.
    """
    return _made(History.read(store), photos, salt, limits)


def settled(store: Store, photos: pa.Table, salt: str, limits: DatasetLimits) -> Checked:
    """Make the data set, and keep what it assigns to splits; of one that is stopped, nothing.

    If another run assigns photos at the same time, this one deals again with those in place, so
    both have them in the same splits. Arguments and errors are those of `previewed`.
    """
    while True:
        history = History.read(store)
        made = _made(history, photos, salt, limits)
        if made.stops or history.append(store, made.dataset.assigned):
            return made


def _made(history: History, photos: pa.Table, salt: str, limits: DatasetLimits) -> Checked:
    assigned = Assignments.of(history.table)
    dataset = build_dataset(photos, salt, assigned, limits.fewest_photos)
    return Checked(dataset, check_dataset(dataset, limits))
