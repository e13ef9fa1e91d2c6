"""Photos as the network gets them in training: loaded, augmented, sampled.

In: photos of a split. Out: batches.
"""
