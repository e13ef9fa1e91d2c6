"""Small copies of photos, to be shown. The API has accepted their bytes: they can be decoded."""

import base64
import io

import numpy as np
from PIL import Image

from dandelion_pipeline.images.decode import decode
from serving.schemas import Explanation

_RED = (235, 30, 15)
_OPAQUE = 190  # of 255, where the drop is largest
_FAINT = 0.05
"""Smaller drops than that are not blown up to look like something."""


def preview(data: bytes, pixels: int) -> Image.Image:
    """An upright copy in RGB, neither wider nor higher than so many pixels."""
    image = decode(data, pixels).image
    image.thumbnail((pixels, pixels))
    return image


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
