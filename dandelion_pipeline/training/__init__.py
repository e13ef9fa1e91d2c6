"""From a data set to a model with its figures. The only room that knows torch."""
