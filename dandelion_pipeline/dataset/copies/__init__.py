"""Rotated and cropped copies among the photos of all days: features propose pairs, pixels decide.

In: photos and their embeddings. Out: pairs, kept by day, and the photos that they join.
"""
