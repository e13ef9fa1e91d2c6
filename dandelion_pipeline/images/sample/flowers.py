"""What grows in a generated meadow: dandelions in every state, daisies and clover."""

import numpy as np

from dandelion_pipeline.images.sample.meadow import (
    STEPS,
    Canvas,
    Color,
    Points,
    curve,
    mix,
    outline,
    ribbon,
    shade,
)

_LEAF: Color = (66, 112, 36)
_YELLOW: Color = (252, 208, 24)
_ORANGE: Color = (236, 156, 8)
_WHITE: Color = (250, 250, 246)
_RINGS = ((1.0, 30), (0.9, 28), (0.76, 26), (0.6, 22), (0.44, 18), (0.28, 12))
"""A head's rings of florets, outermost first: length as a share of the radius, and number."""


def paint_dandelion(canvas: Canvas, depth: float, radius: float) -> None:
    """A plant with one head: rosette, stem, and a flower, a seed head or a bud."""
    rng, scale = canvas.rng, canvas.scale(depth)
    x, y = _place(canvas, depth)
    size = radius * scale * rng.uniform(0.8, 1.2)
    base = (x + rng.normal(0, 0.05) * scale, y + size + scale * rng.uniform(0.1, 0.35))
    _paint_rosette(canvas, base, scale, depth)
    _paint_stem(canvas, base, (x, y), size * 0.17)
    kind = rng.random()
    if kind < 0.2:  # noqa: PLR2004 (one in five has gone to seed)
        paint_seed_head(canvas, x, y, size * 1.15)
    elif kind < 0.38 and canvas.view.upright > 0.5:  # noqa: PLR2004 (seen from the side)
        _paint_side(canvas, x, y, size)
    else:
        paint_head(canvas, x, y, size)


def _place(canvas: Canvas, depth: float) -> tuple[float, float]:
    """Somewhere that leaves most of the head inside the photo."""
    width, height = canvas.image.size
    x, y = canvas.ground(depth)
    y -= canvas.view.upright * canvas.scale(depth) * canvas.rng.uniform(0.1, 0.3)
    return float(np.clip(x, 0.1 * width, 0.9 * width)), float(
        np.clip(y, 0.16 * height, 0.84 * height)
    )


def paint_head(canvas: Canvas, x: float, y: float, radius: float) -> None:
    """An open flower: rings of strap-shaped florets, tilted somewhere."""
    rng = canvas.rng
    squash = 1 - rng.uniform(0, 0.5) * canvas.view.upright
    turn, centre = rng.normal(0, 0.4), np.asarray([x, y])
    canvas.disc(x + 0.1 * radius, y + 0.18 * radius, radius * squash, (16, 28, 8), 0.35)
    for length, count in _RINGS:
        angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.normal(rng.random(), 0.06)
        reach = radius * length * rng.uniform(0.85, 1.05, count)
        florets = centre + _tilted(_floret(angles, reach, radius * 0.075), squash, turn)
        lights = rng.uniform(0.82, 1.06, count) + 0.1 * np.sin(angles + 2.2)
        color = mix(_ORANGE, _YELLOW, length**0.7)
        _paint_florets(canvas, florets, np.outer(lights, color), 0.03 * radius)
    _paint_stamens(canvas, x, y, radius, squash)


def _paint_florets(canvas: Canvas, florets: Points, colors: Points, shadow: float) -> None:
    """Florets of shape ``(n, 9, 2)``, each with its shadow on those below it."""
    shaded = np.stack([florets + np.asarray([0, shadow]), florets], axis=1)
    dark = np.broadcast_to(shade(_ORANGE, 0.6), colors.shape)
    colors = np.stack([dark, colors], axis=1).reshape(-1, 3)
    canvas.polygons(shaded.reshape(-1, 9, 2), colors, np.tile([0.8, 1.0], len(florets)))


def _floret(angle: Points, length: Points, width: float) -> Points:
    """Florets from the centre outwards, cut off and toothed at the end, as ``(n, 9, 2)``."""
    along = np.asarray([0.1, 0.55, 0.93, 1.0, 0.95, 1.0, 0.93, 0.55, 0.1])
    across = np.asarray([0.3, 0.9, 1.0, 0.6, 0.0, -0.6, -1.0, -0.9, -0.3]) * width
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[..., None, :]
    sideways = direction[..., ::-1] * (-1, 1)
    outwards = (along * np.asarray(length)[..., None])[..., None]
    florets: Points = outwards * direction + across[:, None] * sideways
    return florets


def _tilted(points: Points, squash: float, turn: float) -> Points:
    cos, sin = np.cos(turn), np.sin(turn)
    flat = points * (1.0, squash)
    turned: Points = flat @ np.asarray([[cos, sin], [-sin, cos]])
    return turned


def _paint_stamens(canvas: Canvas, x: float, y: float, radius: float, squash: float) -> None:
    rng = canvas.rng
    starts = rng.normal(0, 0.2, (30, 2)) * (radius, radius * squash) + (x, y)
    for curl in curve(starts, rng.normal(0, 0.9, 30), np.full(30, 0.13 * radius), np.full(30, 1.5)):
        color = shade(mix(_ORANGE, _YELLOW, rng.random()), rng.uniform(0.65, 1.1))
        canvas.line(curl, color, 0.03 * radius)


def _paint_side(canvas: Canvas, x: float, y: float, radius: float) -> None:
    """A flower from the side: a fan of florets over green bracts."""
    rng = canvas.rng
    for row, reach in enumerate((1.0, 0.85, 0.68)):
        fan = rng.permutation(np.linspace(-1.35, 1.35, 34)) * (1 - 0.15 * row) - np.pi / 2
        lengths = radius * reach * rng.uniform(0.85, 1.05, len(fan))
        for floret in np.asarray([x, y]) + _floret(fan, lengths, radius * 0.07):
            color = mix(_ORANGE, _YELLOW, rng.uniform(0.35, 1.0))
            canvas.polygon(floret, shade(color, rng.uniform(0.72, 1.05)))
    angles = rng.uniform(-0.9, 0.9, 14)
    spines = curve((x, y + 0.45 * radius), angles, np.full(14, 0.6 * radius), -0.8 * angles)
    widths = np.broadcast_to(np.linspace(0.22, 0.04, STEPS) * radius, spines.shape[:-1])
    for bract in outline(*ribbon(spines, widths)):
        canvas.polygon(bract, shade(_LEAF, rng.uniform(0.8, 1.3)))


def paint_seed_head(canvas: Canvas, x: float, y: float, radius: float) -> None:
    """A blowball: parachutes on a sphere, some of them gone with the wind."""
    rng = canvas.rng
    blown = rng.uniform(-1.6, 0.2)
    canvas.disc(x, y, radius * 0.95, (225, 228, 222), 0.2 if blown < -0.9 else 0.03)  # noqa: PLR2004
    way = rng.normal(size=(150, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    way = way[way[:, 0] > blown]
    tips = (x, y) + way[:, :2] * radius * 0.85
    spokes = np.arange(7) * 2 * np.pi / 7 + rng.random((len(tips), 1))
    hairs = tips[:, None, :] + np.stack([np.cos(spokes), np.sin(spokes)], -1) * radius * 0.2
    for tip, ends, light in zip(tips, hairs, 0.42 + 0.15 * way[:, 2], strict=True):
        stalk = np.stack([(x, y) + (tip - (x, y)) * 0.2, tip])
        canvas.line(stalk, (190, 182, 160), radius * 0.008, light)
        star = np.stack([np.broadcast_to(tip, ends.shape), ends], axis=1)
        canvas.line(star, _WHITE, radius * 0.008, light)
    canvas.disc(x, y, radius * 0.17, (122, 96, 66), 0.85)
    canvas.disc(x - 0.03 * radius, y - 0.04 * radius, radius * 0.1, (168, 142, 100), 0.7)


def _paint_stem(
    canvas: Canvas, base: tuple[float, float], top: tuple[float, float], width: float
) -> None:
    rise = base[1] - top[1]
    t = np.linspace(0, 1, 8)
    bow = np.sin(t * np.pi) * canvas.rng.normal(0, 0.12) * rise
    spine = np.stack([base[0] + (top[0] - base[0]) * t + bow, base[1] - rise * t], axis=1)
    color = mix((140, 168, 84), (150, 96, 70), canvas.rng.random() * 0.6)
    canvas.line(spine, shade(color, 0.7), width)
    canvas.line(spine - (0.18 * width, 0), color, 0.5 * width)


def _paint_rosette(canvas: Canvas, base: tuple[float, float], scale: float, depth: float) -> None:
    rng = canvas.rng
    for angle in np.linspace(-1.4, 1.4, rng.integers(4, 8)) + rng.normal(0, 0.2):
        spine = curve(base, angle, scale * rng.uniform(0.18, 0.34), rng.normal(0, 0.5))
        t = np.linspace(0, 1, 19)
        spine = np.stack([np.interp(t * (STEPS - 1), np.arange(STEPS), c) for c in spine.T], 1)
        teeth = 0.45 + 0.55 * ((t * 6) % 1)
        left, right = ribbon(spine, scale * 0.085 * (t + 0.15) * (1.05 - t) * 3 * teeth)
        color = shade(_LEAF, rng.uniform(0.6, 1.0) + 0.3 * depth)
        canvas.polygon(outline(left, right), color)
        canvas.polygon(outline(left, spine), shade(color, 1.18))
        canvas.line(spine, mix(color, (190, 200, 140), 0.5), scale * 0.006)


def paint_daisy(canvas: Canvas, depth: float) -> None:
    """A small white flower with a yellow eye, as it grows in any lawn."""
    rng, scale = canvas.rng, canvas.scale(depth)
    x, y = _place(canvas, depth)
    radius, squash = 0.05 * scale, rng.uniform(0.5, 1.0)
    _paint_stem(canvas, (x + 0.02 * scale, y + 0.2 * scale), (x, y), 0.008 * scale)
    angles = np.linspace(0, 2 * np.pi, 22) + rng.normal(0, 0.05, 22)
    lengths = radius * rng.uniform(0.85, 1.0, 22)
    for petal in _floret(angles, lengths, radius * 0.1) * (1, squash) + (x, y):
        canvas.polygon(petal, shade(_WHITE, rng.uniform(0.78, 1.0)))
    canvas.disc(x, y, radius * 0.26, (226, 182, 40))


def paint_clover(canvas: Canvas, depth: float) -> None:
    """Three leaflets with a pale mark each."""
    rng, scale = canvas.rng, canvas.scale(depth)
    x, y = canvas.ground(depth)
    radius, color = scale * rng.uniform(0.03, 0.055), shade((64, 122, 52), rng.uniform(0.7, 1.25))
    t = np.linspace(0, 2 * np.pi, 18)
    heart = np.stack([np.sin(t) ** 3, 0.15 - _heart_height(t) / 16], axis=1)
    for turn in np.asarray([0, 2.1, 4.2]) + rng.normal(0, 0.5):
        leaf = _tilted(heart * 0.62 * radius - (0, 0.62 * radius), 1.0, turn)
        canvas.polygon(leaf * (1, 0.8) + (x, y), color)
        mark = _tilted(heart * 0.3 * radius - (0, 0.6 * radius), 1.0, turn)
        canvas.polygon(mark * (1, 0.8) + (x, y), mix(color, _WHITE, 0.35), 0.6)
        canvas.polygon(mark * (0.75, 0.55) + (x, y), color)


def _heart_height(t: Points) -> Points:
    height: Points = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return height
