"""What the pipeline is told to do, in one place that every run reads."""
