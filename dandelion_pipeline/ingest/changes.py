"""What changed in a source of photos since its last import."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SourceFile:
    """A file of a source: a row of `imports.IMPORT_SCHEMA`."""

    path: str
    label: str
    name: str
    sha256: str
    group: str = ""
    split: str = ""
    held: bool = True
    """Whether the source holds it now."""

    left_out: bool = False
    """Whether it is kept out of data sets because the source holds it no more."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from the others of its source."""
        return self.path, self.label, self.name, self.sha256


@dataclass(frozen=True)
class Changes:
    """Photos of a source, by what became of them since its last import."""

    is_first: bool
    """There was no import of this source before: nothing can be said."""

    new: int = 0
    back: int = 0
    """Held again, after they were gone."""

    renamed: int = 0
    """The same photo under the same label, at another path."""

    moved: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Photos that lie under another label now, by both labels."""

    classes: Mapping[str, str] = field(default_factory=dict)
    """Of classes that are gone from the source: the one that all their photos moved to."""

    gone: int = 0
    """Photos that the last import held, and the source holds no more."""

    newly_left_out: int = 0
    """Of all that are gone: photos that ``--mirror`` leaves out from this import on."""

    in_data_set: int = 0
    """Photos of the source that the last import had left in data sets, gone or not."""

    still_in: int = 0
    """Photos that are gone from the source and stay in data sets."""

    @classmethod
    def between(
        cls, before: Iterable[SourceFile], after: Iterable[SourceFile], *, is_first: bool
    ) -> "Changes":
        """What became of the photos of one record in the next."""
        then, now = _Held.of(before), _Held.of(after)
        moved: Counter[tuple[str, str]] = Counter()
        renamed = 0
        for sha256, labels in then.labels.items():
            if sha256 not in now.labels:
                continue
            left, joined = labels - now.labels[sha256], now.labels[sha256] - labels
            if left and joined:
                moved[min(left), min(joined)] += 1
            elif not left and not joined and then.paths[sha256] != now.paths[sha256]:
                renamed += 1
        known = then.labels.keys() | then.gone
        return cls(
            is_first=is_first,
            new=len(now.labels.keys() - known),
            back=len(now.labels.keys() & (then.gone - then.labels.keys())),
            renamed=renamed,
            moved=dict(sorted(moved.items())),
            classes=_renamed_classes(then, now, moved),
            gone=len(then.labels.keys() - now.labels.keys()),
            newly_left_out=len(now.left_out - then.left_out),
            in_data_set=len(known - then.left_out),
            still_in=len(now.gone - now.labels.keys() - now.left_out),
        )


@dataclass(frozen=True)
class _Held:
    """Labels and paths of what a record holds, by SHA-256; and what is gone."""

    labels: dict[str, set[str]]
    paths: dict[str, set[str]]
    gone: set[str]
    left_out: set[str]

    @classmethod
    def of(cls, files: Iterable[SourceFile]) -> "_Held":
        labels: defaultdict[str, set[str]] = defaultdict(set)
        paths: defaultdict[str, set[str]] = defaultdict(set)
        gone, left_out = set(), set()
        for file in files:
            if file.held:
                labels[file.sha256].add(file.label)
                paths[file.sha256].add(file.path)
            else:
                gone.add(file.sha256)
            if file.left_out:
                left_out.add(file.sha256)
        return cls(dict(labels), dict(paths), gone, left_out)

    def counts(self) -> Counter[str]:
        """Photos by label."""
        return Counter(label for labels in self.labels.values() for label in labels)


def _renamed_classes(
    then: _Held, now: _Held, moved: Mapping[tuple[str, str], int]
) -> dict[str, str]:
    before, after = then.counts(), now.counts()
    return {
        old: new for (old, new), count in moved.items() if not after[old] and count == before[old]
    }
