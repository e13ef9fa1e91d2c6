"""From a file whose structure has been checked to pixels: 8-bit RGB, bounded in memory."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.containers.exif import read_exif
from dandelion_pipeline.images.decoding.containers.sanitized import MAX_PIXELS, Sanitized

_WHITE = (255, 255, 255)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SCALES = (1, 2, 4, 8)  # at which libjpeg can decode: whole, a half, a quarter, an eighth
_12_BITS = 4096
_LEVELS = 255


def pixels(found: Sanitized, kind: str, shorter_side: int) -> Image.Image:
    """8-bit RGB. What the decoder held is given back before anything else is made of it.

    Args:
        found: the picture alone.
        kind: one of `decode.FORMATS`.
        shorter_side: pixels that the shorter side of a larger JPEG keeps at least. One that would
            still be larger than other formats may be is reduced further.
    """
    with _opened(found, kind) as opened:
        if kind == "JPEG":
            scale = _scale(found.width, found.height, shorter_side)
            opened.draft(None, (found.width // scale, found.height // scale))
        opened.load()  # before there is a canvas, for decoders take the most while they decode
        image = _on_white(opened)
    if kind != "GIF" or image.size == (found.width, found.height):
        return image
    canvas = Image.new("RGB", (found.width, found.height), _WHITE)
    canvas.paste(image, found.corner)
    return canvas


def _opened(found: Sanitized, kind: str) -> Image.Image:
    if kind != "JPEG":
        return Image.open(io.BytesIO(found.data), formats=(kind,))
    try:  # not `Image.open`, which refuses 180 megapixels, however few of them will be made
        return JpegImageFile(io.BytesIO(found.data))
    except SyntaxError:
        raise UnidentifiedImageError from None


def _scale(width: int, height: int, shorter_side: int) -> int:
    """The denominator of the size at which a JPEG is decoded: 1, 2, 4 or 8."""
    wanted = next((s for s in _SCALES[::-1] if min(width, height) // s >= shorter_side), 1)
    allowed = next((s for s in _SCALES if width * height // s**2 <= MAX_PIXELS), _SCALES[-1])
    return max(wanted, allowed)


def upright_pixels(found: Sanitized, kind: str) -> tuple[Image.Image, tuple[int, int]]:
    """The same of formats that turn a picture by transforms of their own, which overrule EXIF.

    Args:
        found: the picture alone.
        kind: ``HEIF`` or ``AVIF``.

    Returns:
        The upright picture, maybe at half its size, and its whole size.
    """
    if kind == "HEIF":
        return _of_heif(found)
    with Image.open(io.BytesIO(found.data), formats=(kind,)) as opened:
        opened.load()
        orientation, _ = read_exif(opened.info.get("exif", b""))  # made by Pillow of the transforms
        image = upright(_on_white(opened), orientation)
    return image, image.size


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turned as an EXIF orientation says; other numbers count as upright."""
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def _of_heif(found: Sanitized) -> tuple[Image.Image, tuple[int, int]]:
    """By libheif, which turns the picture itself. Imported here, for few have such photos."""
    try:
        import pillow_heif  # noqa: PLC0415
    except ImportError:
        raise ImageRefused(
            "unknown_format",
            "the HEIC photo",
            "the package pillow-heif, which reads it, is not installed",
            "Install it (`pip install pillow-heif`), or convert the photo: `heif-convert "
            "photo.heic copy.jpg`",
        ) from None
    opened = pillow_heif.open_heif(found.data)
    coded = opened[opened.primary_index]
    image = Image.frombytes(coded.mode, coded.size, coded.data, "raw", coded.mode, coded.stride)
    del coded, opened
    size = image.size
    if size[0] * size[1] > MAX_PIXELS:
        image = image.reduce(2)
    return _on_white(image), size


def _on_white(image: Image.Image) -> Image.Image:
    """A copy in 8-bit RGB."""
    if image.mode in {"F", "I", "I;16B", "I;16L"} or (
        image.mode == "I;16" and image.format == "TIFF"
    ):
        return _stretched(image)
    if image.mode == "I;16":  # grey: keep the high byte
        grey = [deep >> 8 for deep in range(65_536)]
        if "transparency" in image.info:
            grey[image.info["transparency"]] = 255
        return image.convert("I").point(grey, "L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image if image.mode in {"RGBA", "LA"} else image.convert("RGBA")
    canvas = Image.new("RGB", image.size, _WHITE)
    canvas.paste(layer, mask=layer)
    return canvas


def _stretched(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits, or in floats, as measuring instruments write it.

    16 bits keep their high byte, 12 bits in 16 their highest eight. Floats from 0 to 1 are shares,
    those from 0 to 255 levels; all others, and 32-bit integers, go from their lowest to their
    highest.
    """
    values = np.asarray(image)
    if values.dtype.kind == "u":
        shift = 4 if values.max() < _12_BITS else 8
        return Image.fromarray((values >> shift).astype(np.uint8)).convert("RGB")
    levels = np.nan_to_num(values.astype(np.float32), copy=False, posinf=0.0, neginf=0.0)
    low, high = float(levels.min()), float(levels.max())
    if low >= 0 and high <= _LEVELS:
        low, high = 0.0, 1.0 if high <= 1 and image.mode == "F" else float(_LEVELS)
    with np.errstate(all="ignore"):  # of numbers that are no photo's
        levels -= np.float32(low)
        levels *= np.float32(_LEVELS / (high - low or 1.0))
        np.nan_to_num(levels, copy=False, posinf=_LEVELS)
        np.clip(levels, 0, _LEVELS, out=levels)
    return Image.fromarray(levels.astype(np.uint8)).convert("RGB")
