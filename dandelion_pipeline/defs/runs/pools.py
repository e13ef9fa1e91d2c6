"""Dagster's pools; the instance gives each of them one slot (``concurrency.pools``)."""

INGESTION_POOL = "ingestion"
"""Two ingestions of a day at once would overwrite each other's table, and miss photos."""

TRAINING_POOL = "training"
"""A training uses all cores and much memory; two at once take longer than one by one."""
