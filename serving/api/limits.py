"""How large photos and requests may be."""

MAX_PHOTO_BYTES = 20_000_000
"""Of one photo: less than the pipeline takes in, for requests wait in memory and on slow lines."""

MOST_SIMILAR = 50
"""Training photos in one answer."""

MAX_BATCH_BYTES = 128_000_000
"""Of all files of one request."""
