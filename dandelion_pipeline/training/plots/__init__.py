"""Plots as picture files, for MLflow, for Dagster's metadata and for the model card."""

from dandelion_pipeline.training.plots.confusion import confusion_matrix
from dandelion_pipeline.training.plots.curves import roc_and_precision_recall
from dandelion_pipeline.training.plots.learning import learning_curves
from dandelion_pipeline.training.plots.reliability import reliability_plot
from dandelion_pipeline.training.plots.slices import slices_plot
from dandelion_pipeline.training.plots.tiles import Tile, tiles

__all__ = [
    "Tile",
    "confusion_matrix",
    "learning_curves",
    "reliability_plot",
    "roc_and_precision_recall",
    "slices_plot",
    "tiles",
]
