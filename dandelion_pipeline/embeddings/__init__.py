"""What a network sees in a photo, computed once and stored by day.

In: photos and the live model. Out: feature vectors.
"""
