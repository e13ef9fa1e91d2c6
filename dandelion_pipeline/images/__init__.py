"""From bytes to pixels, and what is measured on one photo.

In: the bytes of files. Out: 8-bit RGB pixels, measures, fingerprints, and pairs that look alike.
"""
