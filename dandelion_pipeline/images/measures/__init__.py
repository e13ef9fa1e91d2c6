"""What can be measured on one photo, and from where on that is too poor.

In: pixels. Out: brightness, contrast, sharpness and the like, and drop reasons.
"""
