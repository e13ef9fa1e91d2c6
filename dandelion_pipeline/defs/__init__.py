"""All that Dagster knows: thin assets over functions that know no Dagster."""
