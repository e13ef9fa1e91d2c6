"""Generated photos of dandelions and of grass, so that everything can be tried offline.

In: a seed. Out: JPEG files.
"""
