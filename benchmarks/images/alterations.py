"""How copies of a photo come to differ from it: saved again, resized, cropped, lit, mirrored."""

import io
import random
from collections.abc import Callable

from PIL import Image

from dandelion_pipeline.images.decoding.decode import decode

MOST_CROPPED = 0.05
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
