"""How copies of a photo come to differ from it: saved again, cropped, lit, mirrored, rotated."""

import io
import math
import random
from collections.abc import Callable

from PIL import Image

from dandelion_pipeline.images.decoding.decode import decode

MOST_CROPPED = 0.05
MOST_TURNED = 10.0  # degrees
QUARTER = 0.25
Change = Callable[[Image.Image, random.Random], Image.Image]


def saved(image: Image.Image, quality: int) -> Image.Image:
    """What is left of a photo after it was saved as JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return decode(file.getvalue()).image


def scaled(image: Image.Image, factor: float) -> Image.Image:
    """A larger or smaller copy."""
    return image.resize((round(image.width * factor), round(image.height * factor)))


def cropped(image: Image.Image, shares: list[float]) -> Image.Image:
    """A copy without such shares of its left, upper, right and lower margin."""
    left, upper, right, lower = shares
    return image.crop(
        (
            round(left * image.width),
            round(upper * image.height),
            round((1 - right) * image.width),
            round((1 - lower) * image.height),
        )
    )


def lit(image: Image.Image, factor: float) -> Image.Image:
    """A brighter or darker copy."""
    return image.point(lambda value: min(255, round(value * factor)))


def flipped(image: Image.Image) -> Image.Image:
    """The mirror image."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def one_side(chance: random.Random) -> list[float]:
    """The most is cut off one side."""
    shares = [MOST_CROPPED, 0.0, 0.0, 0.0]
    chance.shuffle(shares)
    return shares


def all_sides(chance: random.Random) -> list[float]:
    """Something is cut off each side."""
    return [chance.uniform(0, MOST_CROPPED) for _ in range(4)]


def everything(image: Image.Image, chance: random.Random) -> Image.Image:
    """All changes at once."""
    image = flipped(cropped(image, all_sides(chance)))
    image = lit(scaled(image, chance.uniform(0.5, 2)), chance.uniform(0.85, 1.15))
    return saved(image, chance.randint(30, 90))


CHANGES: dict[str, Change] = {
    "JPEG quality 30": lambda image, chance: saved(image, 30),
    "JPEG quality 30 to 90": lambda image, chance: saved(image, chance.randint(30, 90)),
    "half the size": lambda image, chance: scaled(image, 0.5),
    "twice the size": lambda image, chance: scaled(image, 2),
    "5 % off one side": lambda image, chance: cropped(image, one_side(chance)),
    "up to 5 % off each side": lambda image, chance: cropped(image, all_sides(chance)),
    "5 % off each side": lambda image, chance: cropped(image, [MOST_CROPPED] * 4),
    "15 % brighter": lambda image, chance: lit(image, 1.15),
    "15 % darker": lambda image, chance: lit(image, 0.85),
    "mirrored": lambda image, chance: flipped(image),
    "mirrored, JPEG quality 30": lambda image, chance: saved(flipped(image), 30),
    "all at once": everything,
}


def rotated(image: Image.Image, degrees: float) -> Image.Image:
    """A copy of the same size, with black corners."""
    return image.rotate(degrees, Image.Resampling.BICUBIC)


def rotated_without_corners(image: Image.Image, degrees: float) -> Image.Image:
    """The largest part of a rotated copy without black corners, of the photo's proportions."""
    sine, cosine = math.sin(math.radians(abs(degrees))), math.cos(math.radians(degrees))
    width, height = image.size
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    return cropped(rotated(image, degrees), [(1 - share) / 2] * 4)


def window(image: Image.Image, side: float, chance: random.Random) -> Image.Image:
    """A part of a photo somewhere in it, so large a share of each side."""
    left, upper = (chance.uniform(0, 1 - side) for _ in range(2))
    return cropped(image, [left, upper, 1 - side - left, 1 - side - upper])


def quarter_off_one_side(image: Image.Image, chance: random.Random) -> Image.Image:
    """A quarter is cut off one side."""
    shares = [QUARTER, 0.0, 0.0, 0.0]
    chance.shuffle(shares)
    return cropped(image, shares)


TURNED_OR_CROPPED: dict[str, Change] = {
    "rotated by up to 10°": lambda image, chance: rotated(
        image, chance.uniform(-MOST_TURNED, MOST_TURNED)
    ),
    "rotated by 10°": lambda image, chance: rotated(
        image, chance.choice((-MOST_TURNED, MOST_TURNED))
    ),
    "rotated by 10°, no corners, JPEG quality 50": lambda image, chance: saved(
        rotated_without_corners(image, chance.choice((-MOST_TURNED, MOST_TURNED))), 50
    ),
    "25 % off one side": quarter_off_one_side,
    "75 % of the area": lambda image, chance: window(image, math.sqrt(1 - QUARTER), chance),
    "75 % of each side": lambda image, chance: window(image, 1 - QUARTER, chance),
    "75 % of each side, JPEG quality 50": lambda image, chance: saved(
        window(image, 1 - QUARTER, chance), 50
    ),
    "25 % off each side": lambda image, chance: cropped(image, [QUARTER] * 4),
}
"""Kinds that fingerprints do not find. What is left of a photo's area: all but corners; 61 to 71 %,
by its proportions; 75; 75; 56; 56; 25."""
