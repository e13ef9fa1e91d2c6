"""Plots as picture files, for MLflow, for Dagster's metadata and for the model card."""

from dandelion_pipeline.evaluation.plots.confusion import confusion_matrix
from dandelion_pipeline.evaluation.plots.curves import roc_and_precision_recall
from dandelion_pipeline.evaluation.plots.learning import learning_curves
from dandelion_pipeline.evaluation.plots.reliability import reliability_plot
from dandelion_pipeline.evaluation.plots.slices import slices_plot
from dandelion_pipeline.evaluation.plots.tiles import Tile, tiles

__all__ = [
    "Tile",
    "confusion_matrix",
    "learning_curves",
    "reliability_plot",
    "roc_and_precision_recall",
    "slices_plot",
    "tiles",
]
