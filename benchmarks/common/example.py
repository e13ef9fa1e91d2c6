"""The photos of benchmarks: the example's 400 where they are, generated ones elsewhere.

The example is looked for beside the work folder, in ``../shared/data/dandelion-grass``. Figures of
generated photos say how fast something is; they say nothing about how good a model is.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "shared/data/dandelion-grass"
PER_CLASS = 200
SIZE = (275, 183)
"""Of generated photos: the number and the size in pixels of the example's."""


def photos(per_class: int = PER_CLASS) -> Iterator[tuple[str, bytes]]:
    """Label and bytes of each photo, one at a time; `per_class` counts for generated ones only."""
    files = sorted(FOLDER.glob("*/*.jpg"))
    if files:
        yield from ((path.parent.name, path.read_bytes()) for path in files)
        return
    # Imported here, since some benchmarks measure the memory of what they import.
    from dandelion_pipeline.images.sample.photos import SampleSpec, generate  # noqa: PLC0415

    say_generated()
    yield from ((label, data) for label, _, data in generate(SampleSpec(per_class, SIZE)))


def folder_or_sample() -> str:
    """Where photos come from, as `open_source` takes it: the folder, or ``sample``."""
    if FOLDER.is_dir():
        return str(FOLDER)
    say_generated()
    return "sample"


def say_generated() -> None:
    """Tell that the figures are those of generated photos."""
    sys.stderr.write(f"no photos in {FOLDER}: generated ones are measured\n")
