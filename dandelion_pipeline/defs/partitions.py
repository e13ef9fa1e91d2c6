"""Photos come in by the day."""

import dagster as dg

from dandelion_pipeline.ingest.landing import FIRST_DAY

days = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)
"""UTC days up to and including today, since photos of today are wanted today."""
