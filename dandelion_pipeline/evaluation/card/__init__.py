"""The model card: what a model is for, what it was made from, and how it fares, as measured."""

from dandelion_pipeline.evaluation.card.files import with_card

__all__ = ["with_card"]
