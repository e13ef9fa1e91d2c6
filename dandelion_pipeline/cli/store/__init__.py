"""`dandelion store`, and the choice of a store for a command."""
