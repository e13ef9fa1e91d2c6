"""The generated sample set as a source."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from dandelion_pipeline.errors import SourceError
from dandelion_pipeline.images.decoding.decode import MAX_PIXELS
from dandelion_pipeline.images.sample.photos import LABELS, SampleSpec, generate
from dandelion_pipeline.ingest.sources.entries import Notes
from dandelion_pipeline.ingest.sources.photo import SourcePhoto


@dataclass(frozen=True)
class GeneratedSource:
    """Photos that a program draws."""

    spec: SampleSpec
    labels: tuple[str, ...] = LABELS
    keep_splits: bool = False
    notes: Notes = field(default_factory=Notes)

    @property
    def count(self) -> int:
        """The number of photos."""
        return self.spec.per_class * len(self.labels)

    def describe(self) -> str:
        """What this is, for people."""
        width, height = self.spec.size
        return (
            f"the generated sample: {self.count} drawings of {width} x {height} pixels of "
            f"{' and '.join(self.labels)}, no real photos"
        )

    def __iter__(self) -> Iterator[SourcePhoto]:
        return (SourcePhoto(*photo, path=f"{photo[0]}/{photo[1]}") for photo in generate(self.spec))


def open_sample(spec: SampleSpec) -> GeneratedSource:
    """The photos of a spec.

    Raises:
        SourceError: they cannot be drawn.
    """
    width, height = spec.size
    if spec.per_class < 1 or spec.seed < 0:
        raise SourceError(
            "the generated sample", "its number of photos or its seed is too small", _REMEDY
        )
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise SourceError(
            f"a generated photo of {width} x {height} pixels",
            f"sizes go from 1 x 1 to {MAX_PIXELS / 1e6:.0f} megapixels",
            _REMEDY,
        )
    return GeneratedSource(spec)


_REMEDY = "Ask for at least one photo a class, a seed from 0, and a size that can be drawn"
