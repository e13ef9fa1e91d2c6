"""How many photos of a data set the quality limits drop, and how many they would as numbers.

    python -m benchmarks.images.quality FOLDER…

Each folder holds class folders. Beside them come sets that are made here: scikit-learn's digits
(8 x 8), grey textures, line drawings on white, and night skies. Every photo of these is honest,
so each one dropped is a false refusal. Last come the photos of the first set, of which every tenth
is a black frame, a grey one or an almost black one: what should be dropped.
"""

import io
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image, ImageDraw
from sklearn.datasets import load_digits

from dandelion_pipeline.errors import ImageRefused
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.measures.quality import QUALITY_SCHEMA, measure
from dandelion_pipeline.images.measures.quality_limits import QualityLimits, drop_reasons
from dandelion_pipeline.ingest.sources.folder import class_folders, files_below

AUTO = QualityLimits()
NUMBERS = QualityLimits(
    smallest_side=32,
    lowest_contrast=2.0,
    lowest_brightness=5.0,
    highest_brightness=251.0,
    highest_blur=0.85,
    lowest_information=1.0,
    highest_aspect=5.0,
)
"""The defaults before limits adapted to the set."""

GENERATED = 300
Photos = Iterator[tuple[str, bytes]]


def main() -> None:
    """Print a table."""
    print("| set | photos | dropped | dropped by the numbers of before |\n|---|---:|---:|---:|")  # noqa: T201
    sets = [(folder, of_folder(Path(folder))) for folder in sys.argv[1:]]
    sets += [("digits, 8 x 8", digits()), ("grey textures", textures())]
    sets += [("line drawings on white", drawings()), ("night skies", skies())]
    if sys.argv[1:]:
        sets.append((f"{sys.argv[1]}, every tenth a bad frame", spoilt(Path(sys.argv[1]))))
    for name, photos in sets:
        table, refused = measures(photos)
        adapted, fixed = (drop_reasons(table, limits) for limits in (AUTO, NUMBERS))
        also = f" ({refused} not decoded)" if refused else ""
        print(f"| {name} | {table.num_rows}{also} | {told(adapted)} | {told(fixed)} |")  # noqa: T201


def told(reasons: pa.Array) -> str:
    """How many are dropped, and why."""
    found = Counter(reason for reason in reasons.to_pylist() if reason)
    why = ", ".join(f"{number} {reason}" for reason, number in found.most_common())
    return f"{found.total()} = {found.total() / max(1, len(reasons)):.2%}" + f": {why}" * bool(why)


def measures(photos: Photos) -> tuple[pa.Table, int]:
    """What the limits judge, and how many files are no photos."""

    def row(photo: tuple[str, bytes]) -> dict[str, object] | None:
        try:
            return {**asdict(measure(decode(photo[1]))), "label": photo[0]}
        except ImageRefused:
            return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(row, photos))
    schema = QUALITY_SCHEMA.append(pa.field("label", pa.string()))
    found = [one for one in rows if one is not None]
    return pa.Table.from_pylist(found, schema=schema), len(rows) - len(found)


def of_folder(folder: Path) -> Photos:
    """The photos of class folders."""
    for top in class_folders(folder):
        for path in files_below(top):
            yield top.name, path.read_bytes()


def spoilt(folder: Path) -> Photos:
    """The same, every tenth of them replaced by a frame with nothing to see."""
    random = np.random.default_rng(0)
    for number, photo in enumerate(of_folder(folder)):
        if number % 10:
            yield photo
            continue
        mean, noise = [(0, 0), (128, 0), (2, 1)][number // 10 % 3]
        frame = (mean + random.normal(0, noise, (240, 320))).clip(0, 255)
        yield photo[0], png(frame)


def digits() -> Photos:
    """Those of scikit-learn, 8 x 8 pixels of 17 levels."""
    pixels, labels = load_digits(return_X_y=True)
    for row, label in zip(pixels, labels, strict=True):
        yield str(label), png(row.reshape(8, 8) * 15)


def textures() -> Photos:
    """Grey surfaces: one smooth, one with scratches."""
    for number in range(GENERATED):
        random = np.random.default_rng(number)
        surface = 100 + 40 * random.random() + random.normal(0, 1.4, (200, 200))
        if number % 2:
            surface[random.integers(0, 200)] -= 20
        yield ["smooth", "scratched"][number % 2], png(surface)


def drawings() -> Photos:
    """A thin line or circle on white."""
    for number in range(GENERATED):
        x, y = np.random.default_rng(number).integers(10, 100, 2).tolist()
        image = Image.new("L", (256, 256), 255)
        draw, box = ImageDraw.Draw(image), (x, y, x + 60, y + 50)
        if number % 2:
            draw.ellipse(box, outline=0)
        else:
            draw.line(box, fill=0)
        yield ["line", "circle"][number % 2], png(np.asarray(image))


def skies() -> Photos:
    """Stars, some with a trail."""
    for number in range(GENERATED):
        random = np.random.default_rng(number)
        sky = random.gamma(1, 1.0, (240, 320))
        for x, y in random.integers(0, 236, (30, 2)).tolist():
            sky[y : y + 2, x : x + 2] += random.integers(40, 250)
        if number % 2:
            sky[random.integers(0, 240)] += 120
        yield ["stars", "trail"][number % 2], png(sky)


def png(pixels: npt.NDArray[np.generic]) -> bytes:
    """A grey picture as a file."""
    out = io.BytesIO()
    levels = np.asarray(pixels, dtype=np.float64).clip(0, 255).round().astype(np.uint8)
    Image.fromarray(levels).save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    main()
