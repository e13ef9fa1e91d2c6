"""The model card: intended use, data, training, evaluation and limitations of a model."""

from dandelion_pipeline.evaluation.card.files import with_card

__all__ = ["with_card"]
