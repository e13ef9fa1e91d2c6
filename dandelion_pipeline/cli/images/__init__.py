"""`dandelion images` and `dandelion classes`."""
