"""Whether one photo is a rotated or cropped copy of another: decided on their pixels.

In: pixels. Out: local features, then how one photo lies on the other, then what differs there.
"""
