"""Photos come in by the day."""

import dagster as dg

FIRST_DAY = "2025-01-01"

days = dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1)
"""UTC days up to and including today, since photos of today are wanted today."""
