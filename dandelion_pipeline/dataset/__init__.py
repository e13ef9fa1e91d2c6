"""From accepted photos to a leak-free data set.

In: `raw_images`. Out: `clean_images`, and `dataset` with labels, groups, splits and its report.
"""
