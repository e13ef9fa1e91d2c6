"""The pictures of the generated sets: rooms, pages, textures, and things of some form and colour.

Drawn by Pillow at once, some milliseconds each, and equal for equal random numbers.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Pixels = npt.NDArray[np.float32]
Size = tuple[int, int]

CIRCLE, SQUARE, TRIANGLE, CROSS, RING, BAR, POST, DIAMOND, STAR, HALF = FORMS = [
    "circle",
    "square",
    "triangle",
    "cross",
    "ring",
    "bar",
    "post",
    "diamond",
    "star",
    "half",
]
COLOURS: dict[str, Colour] = {
    "red": (200, 40, 40),
    "green": (40, 150, 50),
    "blue": (40, 70, 200),
    "yellow": (225, 205, 40),
    "purple": (140, 50, 160),
    "orange": (235, 130, 30),
    "cyan": (40, 190, 200),
    "brown": (110, 70, 40),
    "pink": (240, 150, 180),
    "black": (25, 25, 30),
}
_POINTS = 10
_ROUND = [
    (math.sin(math.pi * n / _POINTS), -math.cos(math.pi * n / _POINTS)) for n in range(2 * _POINTS)
]
_OUTLINES: dict[str, Sequence[tuple[float, float]]] = {
    SQUARE: [(-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)],
    TRIANGLE: [(0, -1), (0.9, 0.8), (-0.9, 0.8)],
    BAR: [(-1, -0.3), (1, -0.3), (1, 0.3), (-1, 0.3)],
    POST: [(-0.3, -1), (0.3, -1), (0.3, 1), (-0.3, 1)],
    DIAMOND: [(0, -1), (0.6, 0), (0, 1), (-0.6, 0)],
    STAR: [(x * r, y * r) for (x, y), r in zip(_ROUND[::2], [1.0, 0.4] * 5, strict=True)],
    HALF: [point for point in _ROUND if point[1] <= 0],
    CIRCLE: _ROUND,
}


def paint(
    image: Image.Image, form: str, colour: Colour, middle: tuple[float, float], radius: float
) -> None:
    """Draw a thing, its middle and radius in pixels."""
    draw, (x, y) = ImageDraw.Draw(image), middle
    if form == RING:
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, outline=colour, width=max(2, round(radius / 3)))
    elif form == CROSS:
        paint(image, BAR, colour, middle, radius)
        paint(image, POST, colour, middle, radius)
    else:
        draw.polygon([(x + radius * a, y + radius * b) for a, b in _OUTLINES[form]], fill=colour)


def some_place(rng: np.random.Generator, size: Size, margin: float = 0.2) -> tuple[float, float]:
    """A place within a picture, some way from its edges."""
    x, y = rng.uniform(margin, 1 - margin, 2)
    return x * size[0], y * size[1]


def some_colour(rng: np.random.Generator, low: int = 30, high: int = 226) -> Colour:
    """Any colour."""
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def near_colour(rng: np.random.Generator, colour: Colour, spread: int = 20) -> Colour:
    """A colour somewhat like another."""
    red, green, blue = (
        int(np.clip(part + rng.integers(-spread, spread + 1), 0, 255)) for part in colour
    )
    return red, green, blue


def room(rng: np.random.Generator, size: Size) -> Image.Image:
    """A wall and a floor with furniture and a rough surface, as a camera in a corner sees them."""
    image = Image.new("RGB", size, near_colour(rng, (170, 165, 155)))
    draw, (width, height) = ImageDraw.Draw(image), size
    draw.rectangle((0, height * 0.65, width, height), fill=near_colour(rng, (110, 90, 70)))
    for _ in range(6):
        (x, y), colour = some_place(rng, size, 0.0), some_colour(rng, 50, 200)
        w, h = rng.uniform(0.08, 0.25, 2)
        draw.rectangle((x, y, x + w * width, y + h * height), fill=colour, outline=(40, 40, 40))
    return surface(rng, image, 14)


def outdoors(rng: np.random.Generator, size: Size) -> Image.Image:
    """Soft shades in any colours: each one is another place."""
    few = rng.integers(40, 220, (5, 6, 3), np.uint8)
    image = Image.fromarray(few).resize(size, Image.Resampling.BICUBIC)
    return surface(rng, image, 18)


def surface(rng: np.random.Generator, image: Image.Image, strength: float) -> Image.Image:
    """Some roughness, of waves of two lengths."""
    pixels = np.asarray(image, np.float32)
    for grain in (4, 12):
        small = (max(2, image.width // grain), max(2, image.height // grain))
        rough = rng.normal(128, 40, small[::-1]).clip(0, 255).astype(np.uint8)
        large = Image.fromarray(rough).resize(image.size, Image.Resampling.BILINEAR)
        pixels = pixels + (np.asarray(large, np.float32)[..., None] - 128) * (strength / 40)
    return rounded(pixels)


def seen(
    rng: np.random.Generator, image: Image.Image, noise: float = 3.0, light: float = 0.03
) -> Image.Image:
    """As a sensor gives it: some noise in each pixel (grey levels), a little more or less light."""
    pixels = np.asarray(image, np.float32) * np.float32(1 + rng.normal(0, light))
    return rounded(pixels + rng.normal(0, noise, pixels.shape).astype(np.float32))


def rounded(pixels: Pixels) -> Image.Image:
    """A picture of whole grey levels."""
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def product(rng: np.random.Generator, size: Size, *, is_bottle: bool) -> Image.Image:
    """A bottle or a mug in the middle of a white page, with a label and a soft shadow."""
    image, (width, height) = Image.new("RGB", size, (252, 252, 252)), size
    draw, colour = ImageDraw.Draw(image), some_colour(rng)
    x, base = width * rng.uniform(0.47, 0.53), height * rng.uniform(0.82, 0.88)
    half, tall = width * rng.uniform(0.1, 0.14), height * rng.uniform(0.5, 0.6)
    draw.ellipse((x - 1.5 * half, base - 5, x + 1.5 * half, base + 5), fill=(225, 225, 225))
    image = image.filter(ImageFilter.GaussianBlur(3))
    draw = ImageDraw.Draw(image)
    if is_bottle:
        draw.rectangle(
            (x - half / 3, base - tall * 1.2, x + half / 3, base - tall / 2), fill=colour
        )
        draw.rounded_rectangle((x - half, base - tall * 0.8, x + half, base), 6, fill=colour)
    else:
        half, tall = half * 1.5, tall * 0.8
        draw.ellipse((x, base - tall * 0.8, x + 1.8 * half, base - 8), outline=colour, width=6)
        draw.rectangle((x - half, base - tall, x + half, base), fill=colour)
    paint(
        image, str(rng.choice(FORMS)), some_colour(rng, 150, 250), (x, base - tall * 0.4), half / 2
    )
    return image


def page(rng: np.random.Generator, size: Size, *, is_prose: bool) -> Image.Image:
    """A scanned page: full lines of words, or short numbered ones."""
    image, (width, height) = Image.new("RGB", size, (244, 243, 238)), size
    draw, left, right = ImageDraw.Draw(image), round(width * 0.1), round(width * 0.9)
    step = max(5, height // 32)
    for line, y in enumerate(range(round(height * 0.08), round(height * 0.92), step)):
        if is_prose:
            end = right if line % 7 < 6 else left + rng.uniform(0.2, 0.8) * (right - left)
            x = left
        else:
            draw.rectangle((left, y, left + 3, y + 3), fill=(40, 40, 45))
            x, end = left + 9, left + rng.uniform(0.25, 0.6) * (right - left)
        while x < end:
            word = int(rng.integers(4, 18))
            draw.rectangle((x, y, min(x + word, end), y + step * 0.45), fill=(50, 50, 55))
            x += word + 3
    return image.rotate(rng.normal(0, 0.15), fillcolor=(244, 243, 238))


def texture(rng: np.random.Generator, size: Size, *, is_scratched: bool) -> Image.Image:
    """Rolled steel in grey, with scratches or with dark patches."""
    fine = rng.normal(0, 9, size[::-1])
    rows = np.repeat(rng.normal(0, 3, (size[1], 1)), size[0], axis=1)
    image = rounded((fine + rows + 128).astype(np.float32))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 4))):
        x, y = some_place(rng, size, 0.1)
        if is_scratched:
            far, turn = size[0] * rng.uniform(0.2, 0.5), rng.uniform(0, math.pi)
            end = (x + far * math.cos(turn), y + far * math.sin(turn))
            draw.line((x, y, *end), fill=int(rng.integers(170, 215)), width=2)
        else:
            w, h = rng.uniform(0.05, 0.15, 2) * size[0]
            draw.ellipse((x - w, y - h, x + w, y + h), fill=int(rng.integers(60, 95)))
    return image.filter(ImageFilter.GaussianBlur(0.7))


def face(rng: np.random.Generator, size: Size) -> Image.Image:
    """A face in the middle, with eyes where all faces have them."""
    image = outdoors(rng, size).filter(ImageFilter.GaussianBlur(2))
    draw, (width, height) = ImageDraw.Draw(image), size
    skin, hair = near_colour(rng, (195, 155, 130), 35), near_colour(rng, (70, 50, 40), 40)
    wide, tall = rng.uniform(0.24, 0.29) * width, rng.uniform(0.34, 0.39) * height
    x, y = width / 2 + rng.normal(0, 2), height * 0.53 + rng.normal(0, 2)
    draw.ellipse((x - wide * 1.1, y - tall * 1.2, x + wide * 1.1, y + tall * 0.6), fill=hair)
    draw.ellipse((x - wide, y - tall, x + wide, y + tall), fill=skin)
    for side in (-1, 1):
        eye = (x + side * wide * 0.42, y - tall * 0.2)
        paint(image, CIRCLE, (240, 240, 235), eye, wide * 0.17)
        paint(image, CIRCLE, some_colour(rng, 20, 120), eye, wide * 0.1)
    draw.line((x, y - tall * 0.1, x + rng.normal(0, 2), y + tall * 0.2), fill=hair, width=2)
    smile = rng.uniform(10, 60)
    box = (x - wide * 0.4, y + tall * 0.25, x + wide * 0.4, y + tall * 0.6)
    draw.arc(box, 90 - smile, 90 + smile, fill=(150, 50, 60), width=3)
    return surface(rng, image, 6)


def masked(image: Image.Image) -> Image.Image:
    """The same face, a mask laid over its mouth."""
    with_mask, (width, height) = image.copy(), image.size
    corners = [(0.26, 0.58), (0.74, 0.58), (0.68, 0.85), (0.32, 0.85)]
    ImageDraw.Draw(with_mask).polygon(
        [(x * width, y * height) for x, y in corners], fill=(150, 190, 215)
    )
    return with_mask
