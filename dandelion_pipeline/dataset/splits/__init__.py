"""Which split each group of photos is in, for good.

In: groups, labels and earlier assignments. Out: assignments.
"""
