"""What a model is worth on test photos, and how that is shown.

In: `trained_model`, the champion and the test split. Out: `evaluation`: scores, plots, the
model card.
"""
