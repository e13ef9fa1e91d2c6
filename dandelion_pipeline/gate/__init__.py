"""Whether a challenger goes live.

In: `evaluation`. Out: a decision, and `published_model`.
"""
