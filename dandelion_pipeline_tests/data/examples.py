"""Draw the pictures that the web app offers to try; they are generated, and say so in their EXIF.

Usage: .venv/bin/python -m dandelion_pipeline_tests.data.examples serving/webapp/examples
"""

import sys
from collections import defaultdict
from pathlib import Path

from dandelion_pipeline.images.sample.photos import SampleSpec, generate

SPEC = SampleSpec(per_class=3, size=(480, 360), seed=20)  # a seed that `make run` does not use
ORDER = ("dandelion", "grass", "grass", "dandelion", "dandelion")


def main(folder: Path) -> None:
    """Write them, under names that do not tell what they show."""
    drawn = defaultdict(list)
    for label, _, data in generate(SPEC):
        drawn[label].append(data)
    for number, label in enumerate(ORDER, 1):
        (folder / f"picture-{number}.jpg").write_bytes(drawn[label].pop())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
