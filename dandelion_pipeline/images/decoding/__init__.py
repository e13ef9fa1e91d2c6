"""The one decoder that ingestion, training and serving share.

In: the bytes of a file. Out: upright 8-bit RGB pixels, or the reason why not.
"""
