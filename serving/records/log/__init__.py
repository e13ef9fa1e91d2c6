"""The prediction log: every answer, in a journal on this disk and then as Parquet in the store."""
