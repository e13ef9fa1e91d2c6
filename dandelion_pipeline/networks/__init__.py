"""The network, its input normalisation, the device, and served graphs.

In: pixels. Out: logits. Training, embeddings and evaluation share it.
"""
