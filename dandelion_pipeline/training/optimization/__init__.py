"""The optimiser, its schedule and budget, the average of the weights, the precision."""
