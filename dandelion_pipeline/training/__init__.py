"""From a data set to a trained network and the files that serve it.

In: `dataset`. Out: `trained_model`: weights, ONNX graphs, golden examples, the learning curve.
"""
