"""From a trained network to the graphs that are served.

In: weights. Out: ONNX in 32-bit floats and in 8-bit integers, and how far the two agree.
"""
