"""Small copies of photos, to be shown. The API has accepted their bytes: they can be decoded."""

import base64
import io

from PIL import Image, ImageOps


def preview(data: bytes, pixels: int) -> Image.Image:
    """An upright copy, RGB or RGBA, neither wider nor higher than so many pixels."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (pixels, pixels))
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):  # 16-bit grey
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((pixels, pixels))
    return image


def data_url(image: Image.Image) -> str:
    """A picture as an address that holds it all."""
    target = io.BytesIO()
    image.convert("RGB").save(target, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"
