"""What a pretrained network sees in a photo, computed once and stored by day: the feature store.

In: photos. Out: feature vectors.
"""
