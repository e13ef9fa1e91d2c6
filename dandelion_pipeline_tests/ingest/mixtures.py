"""Seeded mixtures of good photos and odd objects, as folders and buckets of other people are."""

import io
import os
import random
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

LABELS = (
    "grass",
    "Löwenzahn",
    "Queen Anne's lace",
    "C++",
    "dog & cat",
    "🌼",
    "Pepper,_bell",
    "ورد",
)
_IGNORED = (
    "@eaDir/{n}.jpg/THUMB.jpg", "#recycle/{n}.jpg", ".ipynb_checkpoints/{n}.jpg", "Thumbs.db",
    "._{n}.jpg", "{n}.xmp", "{n}.txt", "{n}.AAE", ".DS_Store", "__MACOSX/{n}.jpg", "README",
    "desktop.ini", "{n}.mov",
)  # fmt: skip
_REJECTED = {
    "html.jpg": b"<!doctype html>",
    "empty.jpg": b"",
    "cut.jpg": b"\xff\xd8\xff\xe0\0\x10JF",
}
_ODD_KEYS = ("a\nb.jpg", "tab\t.jpg", "c\x7f.jpg", "n#7", "a\x01b.jpg")


def tiny_photo(number: int) -> bytes:
    """A photo of its own content."""
    colour = (number % 256, number // 256 % 256, 90)
    target = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(target, "PNG")
    return target.getvalue()


@dataclass
class Mixture:
    """Files by path below the classes, and which of them are good photos."""

    good: dict[str, bytes] = field(default_factory=dict)
    bad: dict[str, bytes] = field(default_factory=dict)
    keys: dict[str, bytes] = field(default_factory=dict)
    """Objects that only a bucket can hold: markers and odd keys."""

    @property
    def by_label(self) -> set[tuple[str, bytes]]:
        return {(path.partition("/")[0], data) for path, data in self.good.items()}


def mixture(seed: int) -> Mixture:
    """Two or three classes with two photos or more, and some of all that is odd."""
    chance, mixed = random.Random(seed), Mixture()  # noqa: S311
    labels = chance.sample(LABELS, chance.randint(2, 3))
    for at, label in enumerate(labels):
        for number in range(chance.randint(2, 4)):
            name = chance.choice(("{n}.png", "{n}", "é {n}.JPG", "{n}.jpg", "a+{n} (1).heic"))
            mixed.good[f"{label}/{name.format(n=number)}"] = tiny_photo(100 * at + number)
        for name in chance.sample(_IGNORED, chance.randint(0, 4)):
            mixed.bad[f"{label}/{name.format(n=1)}"] = tiny_photo(9_999)
        for name, data in chance.sample(sorted(_REJECTED.items()), chance.randint(0, 2)):
            mixed.bad[f"{label}/{name}"] = data
        for name in chance.sample(_ODD_KEYS, chance.randint(0, 2)):
            mixed.keys[f"{label}/{name}"] = tiny_photo(8_888)
        if chance.random() < 0.5:
            mixed.keys[f"{label}/"] = b""
    if chance.random() < 0.5:
        mixed.keys[""] = b""
    if chance.random() < 0.5:
        mixed.bad[chance.choice(("README.md", ".git/HEAD", "@eaDir/x.jpg", "notes.xml"))] = b"x"
    return mixed


def write_to_folder(folder: Path, mixed: Mixture, seed: int) -> None:
    """Write a mixture, with links, pipes and names that only a file system can hold."""
    for path, data in (mixed.good | mixed.bad).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    chance = random.Random(seed)  # noqa: S311
    top = folder / next(iter(mixed.good)).partition("/")[0]
    if chance.random() < 0.5:
        (top / "lost.jpg").symlink_to("nowhere")
    if chance.random() < 0.5:
        (top / "loop.jpg").symlink_to(top / "loop.jpg")
    if chance.random() < 0.5:
        (top / "round").symlink_to(folder)
    if chance.random() < 0.5:
        os.mkfifo(top / "pipe.jpg")
