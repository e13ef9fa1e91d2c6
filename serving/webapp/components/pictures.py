"""Small copies of photos, to be shown. The API has accepted their bytes: they can be decoded."""

import base64
import io

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from serving.api.schemas import Explanation

_JPEG = b"\xff\xd8"
_GREY = (200, 200, 200)
_RED = (235, 30, 15)
_OPAQUE = 190  # of 255, where the drop is largest
_FAINT = 0.05
"""Smaller drops than that are not blown up to look like something."""


def preview(data: bytes, pixels: int) -> Image.Image:
    """An upright copy, RGB or RGBA, neither wider nor higher than so many pixels."""
    with _opened(data) as opened:
        opened.draft("RGB", (pixels, pixels))
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith(("I", "F")):  # grey of more than 8 bits
        levels = np.nan_to_num(np.asarray(image, dtype=np.float64))
        span = max(float(levels.max()), 1.0) if image.mode == "F" else 65_535
        image = Image.fromarray((levels * (255 / span)).clip(0, 255).astype(np.uint8))
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((pixels, pixels))
    return image


def _opened(data: bytes) -> Image.Image:
    if data.startswith(_JPEG):  # not `Image.open`, which refuses 180 megapixels, though reduced
        return JpegImageFile(io.BytesIO(data))
    if data[4:8] == b"ftyp" and not data[8:12].startswith(b"avi"):
        return _of_heic(data)
    return Image.open(io.BytesIO(data))


def _of_heic(data: bytes) -> Image.Image:
    """A grey field where pillow-heif is not installed: the API has it, and its answer counts."""
    try:
        import pillow_heif  # noqa: PLC0415  few send such photos
    except ImportError:
        return Image.new("RGB", (400, 300), _GREY)
    opened = pillow_heif.open_heif(data)
    return Image.frombytes(opened.mode, opened.size, opened.data or b"", "raw", opened.mode)


def heated(image: Image.Image, explanation: Explanation) -> Image.Image:
    """A photo, red where hiding it makes the model less sure.

    Args:
        image: the whole upright photo, of any size.
        explanation: what the API says of it.
    """
    drops = np.clip(np.array(explanation.drops), 0, None)
    share = drops / max(drops.max(), _FAINT)
    box = explanation.box
    size = (round(box.width * image.width), round(box.height * image.height))
    heat = Image.fromarray((share * _OPAQUE).astype(np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    mask = Image.new("L", image.size)
    mask.paste(heat, (round(box.left * image.width), round(box.top * image.height)))
    shown = image.convert("RGB")
    shown.paste(Image.new("RGB", image.size, _RED), mask=mask)
    return shown


def data_url(image: Image.Image) -> str:
    """A picture as an address that holds it all."""
    target = io.BytesIO()
    image.convert("RGB").save(target, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"
