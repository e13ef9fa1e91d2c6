"""How large the images are, alone and on top of their base."""

import re
from collections.abc import Iterator

from checks.compose import ROOT, run
from checks.steps import Failed, say

SERVING_LIMIT_MB = 450
"""What the serving image may add to its base."""


def check() -> None:
    """Print the sizes, and see that the serving image is light."""
    for name, whole, added in sizes():
        say(f"        {name:<20} {whole:>6.0f} MB, {added:>6.0f} MB on top of its base")
        if name == "dandelion-serving" and added > SERVING_LIMIT_MB:
            raise Failed(f"{name} adds {added:.0f} MB; at most {SERVING_LIMIT_MB} MB may be")


def sizes() -> Iterator[tuple[str, float, float]]:
    """Name, megabytes, and megabytes on top of the base, of each image of ours."""
    tags = re.findall(r"^ +image: (dandelion-.+)$", _read("docker-compose.yml"), re.MULTILINE)
    for tag in sorted(set(tags)):
        name = tag.partition(":")[0]
        dockerfile = _read(f"docker/{name.removeprefix('dandelion-')}/Dockerfile")
        base = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)[-1]
        yield name, _megabytes(tag), _megabytes(tag) - _megabytes(base)


def _megabytes(image: str) -> float:
    look = ["docker", "image", "inspect", "--format", "{{.Size}}", image]
    try:
        return int(run(look)) / 1e6
    except Failed:  # BuildKit keeps the bases of what it builds to itself
        run(["docker", "pull", image])
        return int(run(look)) / 1e6


def _read(path: str) -> str:
    return (ROOT / path).read_text()
