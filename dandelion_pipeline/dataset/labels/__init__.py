"""Labels: what people decided, what sources say, and which ones are likely wrong.

In: labels and embeddings. Out: decisions, conflicts, suspects.
"""
