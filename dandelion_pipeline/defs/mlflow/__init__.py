"""MLflow: runs, the model registry, and timeouts."""
