"""The REST API: it loads the live model from the store and answers. No torch, no Dagster."""
