"""Instances of Dagster that know a day."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dandelion_pipeline.defs.partitions import add_days, feedback_days, photo_days


@contextmanager
def instance_of(*days: str) -> Iterator[dg.DagsterInstance]:
    """An instance in memory on which these days may be materialised."""
    with dg.DagsterInstance.ephemeral() as instance:
        for kind in (photo_days, feedback_days):
            add_days(instance, kind, days)
        yield instance
