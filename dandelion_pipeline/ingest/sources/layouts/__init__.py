"""How people lay out labelled photos: class folders, splits, manifests.

In: names. Out: the label of each file, and its split and group where they are given.
"""
