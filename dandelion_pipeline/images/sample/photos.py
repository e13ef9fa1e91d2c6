"""Generated photos of dandelions and of grass, so that everything can be tried offline.

They are drawn by a program: a model that was trained on them shows how things work and
nothing else. Every file says so in its EXIF data, and `is_sample` reads it there.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dandelion_pipeline.images.decoding.decode import Photo
from dandelion_pipeline.images.sample.flowers import paint_clover, paint_daisy, paint_dandelion
from dandelion_pipeline.images.sample.meadow import (
    VIEWS,
    Canvas,
    develop,
    paint_blades,
    paint_dry_stalk,
    paint_ground,
)

SOFTWARE = "dandelion sample generator"
LABELS = ("dandelion", "grass")

_EXIF_SOFTWARE = 0x0131  # Exif 2.32, table 4
_DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
_BLADES = 75
_FINE = 2_000_000  # up to so many pixels, photos are drawn at twice their size


@dataclass(frozen=True)
class SampleSpec:
    """What to generate. Equal specs give equal bytes."""

    per_class: int = 120
    size: tuple[int, int] = (256, 192)
    """Width and height in pixels."""

    seed: int = 7


def generate(spec: SampleSpec) -> Iterator[tuple[str, str, bytes]]:
    """Label, name and JPEG bytes of each photo, one at a time."""
    for label in LABELS:
        for number in range(spec.per_class):
            seed = spec.seed * 1_000_003 + number
            quality = 82 + seed % 14
            name = f"sample-{spec.seed}-{number:05d}.jpg"
            yield label, name, _jpeg(render(label, seed, spec.size), quality)


def is_sample(photo: Photo) -> bool:
    """Whether a photo came from this generator."""
    return photo.software == SOFTWARE


def render(label: str, seed: int, size: tuple[int, int]) -> Image.Image:
    """Draw one photo.

    Args:
        label: one of `LABELS`.
        seed: any number from 0; equal ones give equal photos.
        size: width and height in pixels.
    """
    rng = np.random.default_rng((seed, LABELS.index(label)))
    factor = 2 if size[0] * size[1] <= _FINE else 1
    view = VIEWS[rng.choice(list(VIEWS))]
    canvas = Canvas((size[0] * factor, size[1] * factor), rng, view)
    paint_ground(canvas)
    plants = _plan(rng, label, view.zoom)
    dryness = rng.uniform(0, 0.12) if rng.random() < 0.8 else rng.uniform(0.15, 0.4)  # noqa: PLR2004
    for depth in _DEPTHS:
        paint_blades(canvas, depth, round(_BLADES / view.zoom), dryness)
        for plant in [p for p in plants if abs(p[1] - depth) < 0.1]:  # noqa: PLR2004
            _paint(canvas, plant[0], depth)
        canvas.blur(view.blur * (0.9 - depth))
    paint_blades(canvas, 1.0, round(_BLADES / 4), dryness)
    return develop(canvas.image.reduce(factor), rng)


def _plan(rng: np.random.Generator, label: str, zoom: float) -> list[tuple[str, float]]:
    """The plants of a scene and their depths."""
    counts = {"clover": rng.poisson(3), "stalk": rng.poisson(1.2), "daisy": 0}
    if label == "dandelion":
        counts["dandelion"] = max(1, round(rng.uniform(2, 9) / zoom**2))
    elif rng.random() < 0.3:  # noqa: PLR2004 (some lawns have daisies)
        counts["daisy"] = 1 + rng.poisson(3)
    plants = [(kind, rng.uniform(0.2, 0.9)) for kind, n in counts.items() for _ in range(n)]
    return [*plants, ("dandelion", 0.7)] if label == "dandelion" else plants


def _paint(canvas: Canvas, kind: str, depth: float) -> None:
    if kind == "dandelion":
        paint_dandelion(canvas, depth, 0.13)
    elif kind == "daisy":
        paint_daisy(canvas, depth)
    elif kind == "clover":
        paint_clover(canvas, depth)
    else:
        paint_dry_stalk(canvas, depth)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    exif = Image.Exif()
    exif[_EXIF_SOFTWARE] = SOFTWARE
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, exif=exif)
    return out.getvalue()
