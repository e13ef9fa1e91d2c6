"""Sets of photos as people have them, drawn by a program, of which it is known what shows what.

    python -m dandelion_pipeline_tests.data.generated_sets KIND FOLDER [PHOTOS]

The name of a photo begins with the number of its picture: photos of one number in a set are
near-duplicates (frames of a burst, a mirror image), all others show different pictures.
"""

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from dandelion_pipeline_tests.data import generated_scenes as scenes

SIZE = (160, 120)
SQUARE = (128, 128)

Photo = tuple[str, str, bytes]
"""Label, name and bytes of the file."""

Drawn = tuple[str, str, Image.Image]


@dataclass(frozen=True)
class Kind:
    """A kind of set."""

    photos: int
    """How many there are by default."""

    draw: Callable[[int, np.random.Generator], Iterator[Drawn]]
    """Gives label, name without its ending, and picture of so many photos."""

    is_png: bool = False


def generate(kind: str, folder: Path, photos: int | None = None, seed: int = 0) -> None:
    """Write a set as class folders.

    Args:
        kind: one of `KINDS`.
        folder: made if it is not there.
        photos: how many in all; by default those of the kind.
        seed: equal ones give equal bytes.
    """
    for label, name, data in generated(kind, photos, seed):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / name).write_bytes(data)


def generated(kind: str, photos: int | None = None, seed: int = 0) -> Iterator[Photo]:
    """The photos of a set, one at a time; arguments as of `generate`."""
    rng = np.random.default_rng((seed, *kind.encode()))
    made = KINDS[kind]
    for label, name, image in made.draw(made.photos if photos is None else photos, rng):
        out = io.BytesIO()
        if made.is_png:
            image.save(out, "PNG")
        else:
            image.save(out, "JPEG", quality=int(rng.integers(80, 96)))
        yield label, f"{name}.{'png' if made.is_png else 'jpg'}", out.getvalue()


def picture_of(name: str) -> str:
    """Which picture a photo shows, by the name of its file: equal ones are near-duplicates."""
    return Path(name).stem.partition("-")[0]


def _thing(label: str, rng: np.random.Generator, image: Image.Image, share: float) -> Image.Image:
    """A picture with a round thing or an angular one somewhere, so large a share of its height."""
    form, colour = {
        "ball": (scenes.CIRCLE, scenes.COLOURS["red"]),
        "box": (scenes.SQUARE, scenes.COLOURS["blue"]),
        "kite": (scenes.TRIANGLE, scenes.COLOURS["yellow"]),
    }[label]
    image, radius = image.copy(), image.height * share / 2 * rng.uniform(0.85, 1.15)
    place = scenes.some_place(rng, image.size)
    scenes.paint(image, form, scenes.near_colour(rng, colour), place, radius)
    return image


def _fixed_camera(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    empty = scenes.room(rng, SIZE)
    for n in range(photos):
        label = ("ball", "box")[n % 2]
        yield label, f"{n:05d}", scenes.seen(rng, _thing(label, rng, empty, 0.18))


def _white_background(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    for n in range(photos):
        image = scenes.product(rng, SQUARE, is_bottle=n % 2 == 0)
        yield ("bottle", "mug")[n % 2], f"{n:05d}", scenes.seen(rng, image, 1.0, 0.0)


def _scans(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    for n in range(photos):
        image = scenes.page(rng, (180, 256), is_prose=n % 2 == 0)
        yield ("prose", "list")[n % 2], f"{n:05d}", scenes.seen(rng, image, 2.0, 0.01)


def _grey_textures(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    few = max(3, round(photos * 32 / 982))
    for n in range(photos):
        image = scenes.texture(rng, SQUARE, is_scratched=n >= few)
        yield ("patches" if n < few else "scratches"), f"{n:05d}", image


def _mirror_classes(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    for n in range(photos):
        if n % 2 == 0:
            image = scenes.outdoors(rng, SIZE)
            x, y = scenes.some_place(rng, SIZE, 0.35)
            colour = scenes.near_colour(rng, scenes.COLOURS["red"])
            scenes.paint(image, scenes.BAR, colour, (x, y), 26)
            scenes.paint(image, scenes.DIAMOND, colour, (x + 26, y), 22)
        else:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        yield ("right", "left")[n % 2], f"{n // 2:05d}-{n % 2}", scenes.seen(rng, image)


def _bursts(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    frames = 4
    for n in range(photos):
        scene, frame = divmod(n, frames)
        if frame == 0:
            label = ("ball", "box")[scene % 2]
            large = _thing(label, rng, scenes.outdoors(rng, (168, 126)), 0.4)
        x, y = rng.integers(0, 4, 2)
        moved = large.crop((x, y, x + SIZE[0], y + SIZE[1]))
        yield label, f"{scene:05d}-{frame}", scenes.seen(rng, moved)


def _many_classes(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    classes = [(colour, form) for colour in scenes.COLOURS for form in scenes.FORMS]
    for n in range(photos):
        name, form = classes[n % len(classes)]
        image = scenes.outdoors(rng, SQUARE)
        scenes.paint(image, scenes.SQUARE, (235, 235, 235), (64, 64), 62)
        colour = scenes.near_colour(rng, scenes.COLOURS[name], 12)
        place = scenes.some_place(rng, SQUARE, 0.42)
        scenes.paint(image, form, colour, place, rng.uniform(32, 44))
        yield f"{name}-{form}", f"{n:05d}", scenes.seen(rng, image)


def _outdoors(labels: list[str], rng: np.random.Generator) -> Iterator[Drawn]:
    for n, label in enumerate(labels):
        yield (
            label,
            f"{n:05d}",
            scenes.seen(rng, _thing(label, rng, scenes.outdoors(rng, SIZE), 0.5)),
        )


def _few(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    return _outdoors([("ball", "box")[n % 2] for n in range(photos)], rng)


def _one_class_of_3(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    return _outdoors(["kite"] * 3 + [("ball", "box")[n % 2] for n in range(photos - 3)], rng)


def _faces(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    for n in range(0, photos, 2):
        bare = scenes.face(rng, SQUARE)
        for with_mask, image in enumerate((bare, scenes.masked(bare))[: photos - n]):
            label = "with-mask" if with_mask else "without-mask"
            yield label, f"{n // 2:05d}-{with_mask}", scenes.seen(rng, image, 1.5)


def _drawings(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
    for n in range(photos):
        label = (scenes.RING, scenes.CROSS, scenes.TRIANGLE)[n % 3]
        image = Image.new("RGB", (112, 112), "white")
        place, radius = scenes.some_place(rng, image.size, 0.4), rng.uniform(24, 42)
        scenes.paint(image, label, (20, 20, 20), place, radius)
        turned = image.rotate(rng.uniform(-30, 30), Image.Resampling.BILINEAR, fillcolor="white")
        yield label, f"{n:05d}", turned.resize((28, 28), Image.Resampling.BOX)


def _digits(side: int) -> Callable[[int, np.random.Generator], Iterator[Drawn]]:
    def draw(photos: int, rng: np.random.Generator) -> Iterator[Drawn]:
        found = load_digits()
        for n, (pixels, digit) in enumerate(zip(found.images, found.target, strict=True)):
            if n == photos:
                break
            image = Image.fromarray((pixels * (255 / 16)).round().astype(np.uint8))
            yield str(digit), f"{n:05d}", image.resize((side, side), Image.Resampling.BICUBIC)

    return draw


KINDS: Mapping[str, Kind] = {
    "fixed_camera": Kind(200, _fixed_camera),
    "white_background": Kind(200, _white_background),
    "scans": Kind(160, _scans),
    "grey_textures": Kind(982, _grey_textures),
    "mirror_classes": Kind(160, _mirror_classes),
    "bursts": Kind(240, _bursts),
    "many_classes": Kind(2_000, _many_classes),
    "few": Kind(20, _few),
    "one_class_of_3": Kind(83, _one_class_of_3),
    "faces": Kind(200, _faces),
    "drawings": Kind(180, _drawings, is_png=True),
    "digits": Kind(1_797, _digits(64), is_png=True),
    "digits_8": Kind(1_797, _digits(8), is_png=True),
}
"""By name. Digits are those of scikit-learn, enlarged and as they are."""


if __name__ == "__main__":
    kind, folder, *count = sys.argv[1:]
    generate(kind, Path(folder), int(count[0]) if count else None)
