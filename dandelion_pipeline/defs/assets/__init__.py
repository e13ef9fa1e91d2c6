"""The assets of the pipeline, thin over functions that know no Dagster."""
