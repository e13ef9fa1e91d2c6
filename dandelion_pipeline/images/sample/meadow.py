"""Grass, soil and light: the strokes that every generated photo is painted with.

Lengths are shares of the photo's shorter side, so that a scene looks alike at any size.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Points = npt.NDArray[np.float64]
Color = tuple[float, float, float]

_GREENS: tuple[Color, ...] = ((38, 74, 22), (60, 104, 30), (86, 134, 42), (122, 160, 62))
_STRAW: Color = (186, 164, 102)
_SOIL: Color = (78, 60, 42)
STEPS = 7


@dataclass(frozen=True)
class View:
    """Where the camera stands."""

    horizon: float
    """Height of the horizon from the top, as a share of the photo; negative: out of sight."""

    zoom: float
    """How large things are drawn."""

    blur: float
    """How far the background is out of focus, as a share of the shorter side."""

    upright: float
    """1: blades stand; 0: the camera looks down and they point anywhere."""


VIEWS = {
    "lawn": View(horizon=-0.3, zoom=0.8, blur=0.004, upright=0.35),
    "eye": View(horizon=0.28, zoom=1.0, blur=0.02, upright=1.0),
    "close": View(horizon=-0.05, zoom=1.7, blur=0.03, upright=0.8),
}


class Canvas:
    """A picture in the making, back to front."""

    def __init__(self, size: tuple[int, int], rng: np.random.Generator, view: View) -> None:
        self.image = Image.new("RGB", size)
        self.rng = rng
        self.view = view
        self.unit = min(size)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def polygon(self, points: Points, color: Color, alpha: float = 1.0) -> None:
        """Fill a polygon. Points of shape ``(n, 2)`` are in pixels."""
        self.draw.polygon(points.ravel().tolist(), fill=rgba(color, alpha))

    def polygons(self, points: Points, colors: Points, alpha: npt.ArrayLike = 1.0) -> None:
        """Fill many: points of shape ``(count, n, 2)``, colors of shape ``(count, 3)``."""
        fills = np.empty((len(points), 4), np.uint8)
        fills[:, :3] = np.clip(colors, 0, 255)
        fills[:, 3] = np.asarray(alpha) * 255
        for corners, fill in zip(
            points.reshape(len(points), -1).tolist(), fills.tolist(), strict=True
        ):
            self.draw.polygon(corners, fill=tuple(fill))

    def line(self, points: Points, color: Color, width: float, alpha: float = 1.0) -> None:
        """Draw a line of a width in pixels."""
        fill = rgba(color, alpha)
        self.draw.line(points.ravel().tolist(), fill=fill, width=max(1, round(width)))

    def disc(self, x: float, y: float, radius: float, color: Color, alpha: float = 1.0) -> None:
        """Fill a circle."""
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), rgba(color, alpha))

    def blur(self, share: float) -> None:
        """Take all that was drawn so far out of focus."""
        radius = share * self.unit
        if radius < 1:  # pixel: cannot be seen
            return
        coarse = max(2, int(radius))  # what is blurred needs no fine pixels
        small = self.image.reduce(coarse).filter(ImageFilter.GaussianBlur(radius / coarse))
        self.replace(small.resize(self.image.size, Image.Resampling.BILINEAR))

    def replace(self, image: Image.Image) -> None:
        """Go on with another picture of the same size."""
        self.image = image
        self.draw = ImageDraw.Draw(image, "RGBA")

    def ground(self, depth: float) -> tuple[float, float]:
        """A place at a depth (0: far, 1: near), in pixels."""
        x, y = self.places(np.asarray([depth]))[0].tolist()
        return x, y

    def places(self, depths: Points) -> Points:
        """Places at some depths, of shape ``(n, 2)``."""
        width, height = self.image.size
        horizon = self.view.horizon
        y = horizon + (1.08 - horizon) * np.maximum(depths, 0) ** 1.3
        x = self.rng.uniform(-0.05, 1.05, len(depths))
        return np.stack([x * width, y * height], axis=1)

    def scale(self, depth: float) -> float:
        """Pixels per length at a depth."""
        return self.unit * self.view.zoom * (0.4 + 0.75 * depth)


def rgba(color: Color, alpha: float) -> tuple[int, int, int, int]:
    """A color for Pillow, clipped to 8 bits."""
    red, green, blue = (min(255, max(0, round(c))) for c in color)
    return red, green, blue, round(255 * alpha)


def shade(color: Color, factor: float) -> Color:
    """A lighter or darker color."""
    return color[0] * factor, color[1] * factor, color[2] * factor


def mix(first: Color, second: Color, share: float) -> Color:
    """A color between two."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def curve(
    start: npt.ArrayLike, angle: npt.ArrayLike, length: npt.ArrayLike, bend: npt.ArrayLike
) -> Points:
    """Bent lines of shape ``(..., STEPS, 2)``, one for each angle.

    Args:
        start: where they begin, of shape ``(..., 2)``, in pixels.
        angle: of the first step in radians; 0 points up, positive ones to the right.
        length: in pixels.
        bend: what the angle grows by from one end to the other.
    """
    t = np.linspace(0, 1, STEPS)
    turned = np.asarray(angle)[..., None] + np.asarray(bend)[..., None] * t
    steps = np.stack([np.sin(turned), -np.cos(turned)], axis=-1)
    steps *= np.asarray(length)[..., None, None] / (STEPS - 1)
    steps[..., 0, :] = start
    spine: Points = np.cumsum(steps, axis=-2)
    return spine


def ribbon(spine: Points, widths: Points) -> tuple[Points, Points]:
    """The edges of bands around lines: two arrays of the lines' shape ``(..., n, 2)``.

    Args:
        spine: the lines.
        widths: in pixels, of shape ``(..., n)``.
    """
    tangent = np.gradient(spine, axis=-2)
    tangent /= np.maximum(np.hypot(tangent[..., 0], tangent[..., 1]), 1e-9)[..., None]
    offset = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1) * widths[..., None] / 2
    return spine - offset, spine + offset


def outline(left: Points, right: Points) -> Points:
    """The polygon between two lines."""
    return np.concatenate([left, right[..., ::-1, :]], axis=-2)


def noise(rng: np.random.Generator, size: tuple[int, int], cells: int) -> Points:
    """A smooth random field of shape ``(height, width)`` from 0 to 1."""
    shape = [max(2, cells * side // max(size)) for side in (size[1], size[0])]
    field = Image.fromarray(rng.random(shape, dtype=np.float32))
    return np.asarray(field.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def paint_ground(canvas: Canvas) -> None:
    """Soil, and what the grass looks like where single blades cannot be told apart."""
    width, height = canvas.image.size
    size, rng = (max(1, width // 3), max(1, height // 3)), canvas.rng
    bare = np.clip(1.6 * noise(rng, size, 5) - 0.75, 0, 1)[..., None]
    fine = (noise(rng, size, 90) + noise(rng, size, 24))[..., None] / 2
    green = np.asarray(_GREENS[0]) * 0.75 * (0.5 + fine)
    soil = np.asarray(_SOIL) * (0.55 + 0.8 * fine)
    ground = to_image(green * (1 - bare) + soil * bare)
    canvas.replace(ground.resize((width, height), Image.Resampling.BILINEAR))
    if canvas.view.horizon > 0:
        _paint_backdrop(canvas)


def _paint_backdrop(canvas: Canvas) -> None:
    """Trees and sky, far out of focus."""
    rng, unit, width = canvas.rng, canvas.unit, canvas.image.width
    horizon = canvas.view.horizon * canvas.image.height
    sky = mix((150, 186, 216), (240, 214, 160), rng.random())
    leaves = mix((70, 104, 44), (128, 140, 70), rng.random())
    canvas.draw.rectangle((0, 0, width, horizon), rgba(mix(leaves, sky, 0.25), 1))
    for _ in range(60):
        x, y = rng.uniform(0, width), rng.uniform(-0.1, 1.15) * horizon
        color = mix(shade(leaves, rng.uniform(0.35, 1.3)), sky, float(rng.integers(4) // 3))
        canvas.disc(x, y, unit * rng.uniform(0.03, 0.11), color, rng.uniform(0.3, 0.7))
    canvas.blur(0.012)


def paint_blades(canvas: Canvas, depth: float, count: int, dryness: float) -> None:
    """One layer of grass: tapering bands, each with a lit half."""
    rng, scale = canvas.rng, canvas.scale(depth)
    start = canvas.places(depth + rng.normal(0, 0.09, count))
    stands = rng.random(count) < canvas.view.upright
    angle = np.where(stands, rng.normal(0, 0.35, count), rng.uniform(-np.pi, np.pi, count))
    spine = curve(start, angle, scale * rng.uniform(0.12, 0.4, count), rng.normal(0, 0.7, count))
    width = scale * rng.uniform(0.008, 0.02, (count, 1))
    t = np.linspace(0, 1, STEPS)
    left, right = ribbon(spine, width * (1 - t**1.7) * np.minimum(0.3 + 4 * t, 1))
    lit = np.where(rng.random((count, 1, 1)) < 0.5, left, right)  # noqa: PLR2004 (either side)
    colors = _blade_colors(canvas, depth, count, dryness)
    lighter = colors * 1.25 * 0.85 + np.asarray(_GREENS[3]) * 0.15
    for polygons, fills in ((outline(left, right), colors), (outline(lit, spine), lighter)):
        canvas.polygons(polygons, fills)


def _blade_colors(canvas: Canvas, depth: float, count: int, dryness: float) -> Points:
    rng = canvas.rng
    greens = np.asarray(_GREENS, dtype=np.float64)
    fresh = greens[rng.integers(0, 3, count)]
    fresh += (greens[3] - fresh) * rng.uniform(0, 0.7, (count, 1))
    colors = np.where(rng.random((count, 1)) < dryness, np.asarray(_STRAW), fresh)
    shaded: Points = colors * (rng.uniform(0.55, 0.85, (count, 1)) + 0.35 * depth)
    return shaded


def paint_dry_stalk(canvas: Canvas, depth: float) -> None:
    """A stalk of last year's grass, with its ear."""
    rng, scale = canvas.rng, canvas.scale(depth)
    stem = curve(canvas.ground(depth), rng.normal(0, 0.4), scale * 0.6, rng.normal(0, 0.5))
    canvas.line(stem, shade(_STRAW, 0.9), scale * 0.007)
    for point in np.repeat(stem[-3:], 6, axis=0):
        start = point + rng.normal(0, 0.01 * scale, 2)
        seed = curve(start, rng.normal(0, 0.5), scale * 0.04, 0.0)
        canvas.line(seed, shade(_STRAW, rng.uniform(0.8, 1.2)), scale * 0.009)


def develop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Light, tint, vignette and sensor noise: from a drawing to a photo."""
    width, height = image.size
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    light = 0.72 + 0.55 * noise(rng, image.size, 3) + x * np.float32(rng.normal(0, 0.12))
    light *= 1 - np.float32(rng.uniform(0.05, 0.16)) * (x**2 + y**2)
    warmth = rng.normal(0, 0.05)
    tint = np.asarray([1 + warmth, 1.0, 1 - warmth], np.float32)
    exposure = np.float32(rng.uniform(0.8, 1.15) / 255)
    pixels = np.asarray(image, dtype=np.float32) * (light * exposure)[..., None] * tint
    pixels = pixels * np.float32(1.85) / (pixels + np.float32(0.85))  # highlights roll off
    grain = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(rng.uniform(1, 4))
    return to_image(pixels * 255 + grain)


def to_image(pixels: npt.NDArray[np.floating]) -> Image.Image:
    """Pixels of shape ``(height, width, 3)``, clipped to 8 bits."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
