"""Instances of Dagster that know a day."""

import dagster as dg

from dandelion_pipeline.defs.partitions import add_days, feedback_days, photo_days


def instance_of(*days: str) -> dg.DagsterInstance:
    """An instance in memory on which these days may be materialised."""
    instance = dg.DagsterInstance.ephemeral()
    for kind in (photo_days, feedback_days):
        add_days(instance, kind, days)
    return instance
