"""Which photos show the same picture.

In: pixels. Out: fingerprints, then candidate pairs, then verified pairs, then groups.
"""
