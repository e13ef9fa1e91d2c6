"""How well rotated and cropped copies are found in sets: by fingerprints alone, and by pixels too.

    python -m benchmarks.images.near_duplicates_turned [--copies N] [FOLDER | KIND]…

A folder holds class folders, a kind is one of `generated_sets.KINDS`; without arguments, all kinds.
Copies of 100 (or N) photos, each altered in one way, go into one batch with all photos. Precision:
the share of pairs in one group that show one picture. Of a folder that is not known (but for the
parts of one picture in the example), so each file counts as a picture of its own, and the pairs
that pixels alone join are printed: look at them (``--copies 0`` prints nothing else). Beside the
kinds of `alterations.TURNED_OR_CROPPED` stand two of those that fingerprints find.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import example
from benchmarks.images.alterations import CHANGES, TURNED_OR_CROPPED, Change
from benchmarks.images.near_duplicates import SAME_PICTURE
from benchmarks.images.near_duplicates_of_sets import PLANTED, Seen, grouped, photos_in
from dandelion_pipeline.dataset.copies.joined import connected
from dandelion_pipeline.dataset.copies.proposals import proposals
from dandelion_pipeline.dataset.splits.grouping import joined_groups
from dandelion_pipeline.embeddings.embedding import Embedder, Embeddings, backbone_embedder
from dandelion_pipeline.images.copies.local_features import LocalFeatures, local_features
from dandelion_pipeline.images.copies.verdict import copy_of
from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.near_duplicates.fingerprints import fingerprint
from dandelion_pipeline_tests.data.generated_sets import KINDS, generate

OLDER = ("5 % off each side", "all at once")
KINDS_OF_COPIES: dict[str, Change] = {
    **TURNED_OR_CROPPED,
    **{name: CHANGES[name] for name in OLDER},
}
out = Console(width=160, highlight=False)


@dataclass
class Set:
    """The photos of a set, and what has been compared of them so far."""

    photos: list[Seen]
    embedder: Embedder
    features: Embeddings = field(init=False)
    local: list[LocalFeatures] = field(init=False)
    seconds: float = 0.0
    """For looking at the set's own photos: local features, pairs and verdicts."""

    pairs: int = 0
    _verdicts: dict[tuple[int, int], bool] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        images = (decode(one.file.read_bytes()).image for one in self.photos)
        self.features = self.embedder.embed(images)
        started = time.process_time()
        self.local = [local_features(decode(one.file.read_bytes()).image) for one in self.photos]
        self.joined(self.photos, self.features, self.local)
        self.seconds, self.pairs = time.process_time() - started, len(self._verdicts)

    def joined(
        self, photos: Sequence[Seen], features: Embeddings, local: Sequence[LocalFeatures]
    ) -> tuple[list[str], list[str], list[tuple[int, int]]]:
        """The group of each photo by fingerprints alone, and by pixels too; the pairs of these."""
        names = [f"{number:06d}" for number in range(len(photos))]
        before = grouped(names, list(photos)).group.to_pylist()
        seekers = np.arange(len(photos))
        first, second = proposals(features.astype(np.float16), seekers)
        pairs = [
            (one, other)
            for one, other in zip(first.tolist(), second.tolist(), strict=True)
            if before[one] != before[other] and self._is_copy(one, other, local)
        ]
        group = connected(((names[a], names[b]) for a, b in pairs), len(names))
        return before, joined_groups(before, [group.get(name, "") for name in names]), pairs

    def _is_copy(self, one: int, other: int, local: Sequence[LocalFeatures]) -> bool:
        if other >= len(self.photos):
            return copy_of(local[one], local[other]) is not None
        if (one, other) not in self._verdicts:
            self._verdicts[one, other] = copy_of(local[one], local[other]) is not None
        return self._verdicts[one, other]

    def own_pairs(self) -> list[tuple[int, int]]:
        """The pairs of the set's own photos that pixels join."""
        return self.joined(self.photos, self.features, self.local)[2]

    def planted(self, name: str, number: int) -> Iterator[float]:
        """Recall and precision before, then recall and precision after, of one kind of copies."""
        chance = random.Random(name)  # noqa: S311
        chosen = sorted(chance.sample(range(len(self.photos)), min(number, len(self.photos))))
        of = [self.photos[row] for row in chosen]
        images = [KINDS_OF_COPIES[name](decode(one.file.read_bytes()).image, chance) for one in of]
        copies = [
            Seen(one.picture, one.file, fingerprint(image))
            for one, image in zip(of, images, strict=True)
        ]
        every = [*self.photos, *copies]
        features = np.concatenate([self.features, self.embedder.embed(images)])
        before, after, _ = self.joined(every, features, [*self.local, *map(local_features, images)])
        for groups in (before, after):
            of_copies = groups[len(self.photos) :]
            found = [groups[n] == group for n, group in zip(chosen, of_copies, strict=True)]
            yield float(np.mean(found))
            yield precision(groups, every)


def precision(groups: Sequence[str], photos: Sequence[Seen]) -> float:
    """The share of pairs in one group that show one picture."""
    sizes = Counter(groups).values()
    same = Counter(zip(groups, (one.picture for one in photos), strict=True)).values()
    pairs, right = (sum(size * (size - 1) for size in of) for of in (sizes, same))
    return right / pairs if pairs else 1.0


def main(words: Sequence[str]) -> None:
    """Print one table for each set."""
    names, copies = list(words), PLANTED
    if "--copies" in names:
        at = names.index("--copies")
        copies = int(names[at + 1])
        del names[at : at + 2]
    embedder = backbone_embedder("cpu")
    for name in names or KINDS:
        with TemporaryDirectory() as made:
            folder = Path(name).resolve()
            if name in KINDS:
                folder = Path(made)
                generate(name, folder)
            photos = photos_in(folder, is_generated=name in KINDS)
            show(name, Set(with_known_parts(photos), embedder), copies)


def with_known_parts(photos: list[Seen]) -> list[Seen]:
    """The photos; those of the example that are parts of one picture say so."""
    if photos and photos[0].file.is_relative_to(example.FOLDER.resolve()):
        for one, other in map(sorted, SAME_PICTURE):
            photos[other] = replace(photos[other], picture=photos[one].picture)
    return photos


def show(name: str, found: Set, copies: int) -> None:
    """Print what came of a set."""
    table = Table("copies", "recall before", "after", "precision before", "after", title=name)
    for kind in KINDS_OF_COPIES if copies else ():
        recall, exact, recall_after, exact_after = found.planted(kind, copies)
        figures = (recall, recall_after, exact, exact_after)
        table.add_row(kind, *(f"{figure:.3f}" for figure in figures))
    if copies:
        out.print(table)
    photos = found.photos
    pairs = [(photos[one], photos[other]) for one, other in found.own_pairs()]
    wrong = sum(one.picture != other.picture for one, other in pairs)
    out.print(
        f"{name}: {len(photos):,} photos, {found.pairs:,} pairs in {found.seconds:.1f} s of one "
        f"core; pixels join {len(pairs)} pairs of the set's own, {wrong} of two pictures"
    )
    for one, other in pairs:
        if one.picture != other.picture:
            out.print("  and ".join(str(Path(*photo.file.parts[-2:])) for photo in (one, other)))


if __name__ == "__main__":
    main(sys.argv[1:])
