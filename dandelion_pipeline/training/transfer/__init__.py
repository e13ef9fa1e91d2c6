"""A model in seconds: a head on a pretrained backbone, and its last stages where that helps.

In: a data set and features of the feature store. Out: a trained model.
"""
