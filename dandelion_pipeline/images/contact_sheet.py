"""Many photos as one small picture, for people who want to see what they have."""

import io
from collections.abc import Sequence

from PIL import Image, ImageOps

COLUMNS = 8
TILE = 72
_GAP = 4


def contact_sheet(photos: Sequence[Image.Image], columns: int = COLUMNS) -> bytes:
    """Lay photos out in rows, each cropped to a square tile of `TILE` pixels.

    Returns:
        A JPEG file.
    """
    columns = max(1, min(columns, len(photos)))
    rows = -(-len(photos) // columns) or 1
    step = TILE + _GAP
    sheet = Image.new("RGB", (columns * step - _GAP, rows * step - _GAP), "white")
    for number, photo in enumerate(photos):
        tile = ImageOps.fit(photo, (TILE, TILE), Image.Resampling.BICUBIC)
        sheet.paste(tile, (number % columns * step, number // columns * step))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=70)
    return buffer.getvalue()
