"""The limitations of a model, in full sentences; every figure was measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dandelion_pipeline.dataset.dataset import TRAIN, VALIDATION
from dandelion_pipeline.release.manifest import Calibration, Interval, Manifest
from dandelion_pipeline.training.config import Model
from dandelion_pipeline.training.fit import TrainingRecord

SLICED_BY = ("brightness", "shorter side", "format", "origin", "day")
_FEW = 200


@dataclass(frozen=True)
class Card:
    """What a card is made from."""

    manifest: Manifest
    """As it will be, without the files of the card itself."""

    record: TrainingRecord
    pictures: Mapping[str, bytes]
    """As made by `pictures.evaluation_pictures`."""

    @property
    def limitations(self) -> list[str]:
        """What is known to be weak, or not known at all, in full sentences."""
        return [*_of_data(self), *_of_classes(self.manifest), *_of_slices(self.manifest)]


def _of_data(card: Card) -> Iterator[str]:
    manifest, metrics = card.manifest, card.manifest.metrics
    if manifest.data.is_sample:
        yield "Its photos are generated: it knows nothing about real ones."
    yield from _of_other_photos(manifest)
    if metrics.accuracy_interval is not None and metrics.test_photos < _FEW:
        yield (
            f"It was tested on only {metrics.test_photos} photos: its accuracy on others of the "
            f"same kind may be anything {between(metrics.accuracy_interval)}."
        )
    validation = sum(counts.get(VALIDATION, 0) for counts in manifest.data.counts.values())
    if card.record.config.model is Model.TRANSFER:
        training = sum(counts.get(TRAIN, 0) for counts in manifest.data.counts.values())
        yield f"Its temperature was fitted on {training} training photos, cross-validated."
    else:
        yield f"Its temperature was fitted on {validation} validation photos."
    if metrics.calibration is not None:
        yield _of_calibration(metrics.calibration)
        yield from _of_threshold(metrics.calibration)


def _of_other_photos(manifest: Manifest) -> Iterator[str]:
    flagged, photos = manifest.metrics.outside, manifest.metrics.test_photos
    every = f"It predicts one of {len(manifest.classes)} classes for every photo"
    if manifest.ood is None or flagged is None:
        yield f"{every}; it cannot answer that a photo shows none of them."
        return
    yield (
        f"{every}, and flags those unlike its training photos as another kind: {flagged} of "
        f"{photos} test photos, which are of its kind, and {percent(manifest.ood.false_alarms)} "
        "were to be expected. Photos that resemble its own often pass."
    )


def _of_calibration(calibration: Calibration) -> str:
    error = f"The expected calibration error of {calibration.ece:.3f}"
    if calibration.ece > calibration.ece_at_most_by_chance:
        return (
            f"{error} is more than chance explains (at most "
            f"{calibration.ece_at_most_by_chance:.3f}): do not take its probabilities at face "
            "value."
        )
    return (
        f"{error} is within chance: a perfectly calibrated model would show "
        f"{calibration.ece_by_chance:.3f} on so few photos."
    )


def _of_threshold(calibration: Calibration) -> Iterator[str]:
    limit = calibration.unsure_below
    if limit is None:
        return
    below = [one for one in calibration.bins if one.confidence < limit]
    photos = sum(one.photos for one in below)
    correct = round(sum(one.accuracy * one.photos for one in below))
    yield (
        f"Below a confidence of {percent(limit)} its predictions are uncertain: of {photos} such "
        f"test photos it got {correct} right. The web page marks them."
    )


def _of_classes(manifest: Manifest) -> Iterator[str]:
    metrics = manifest.metrics
    label, weakest = min(metrics.per_class.items(), key=lambda item: item[1].recall)
    if weakest.recall_interval is not None:
        yield (
            f"Its lowest recall is that of {label}: it found {percent(weakest.recall)} of "
            f"{weakest.support} photos (95 % interval: {between(weakest.recall_interval)})."
        )
    mistakes = [
        (count, given, predicted)
        for given, row in zip(manifest.classes, metrics.confusion, strict=True)
        for predicted, count in zip(manifest.classes, row, strict=True)
        if given != predicted and count
    ]
    if mistakes:
        count, given, predicted = max(mistakes, key=lambda mistake: mistake[0])
        total = sum(mistake[0] for mistake in mistakes)
        yield (
            f"Its most frequent mistake is {given} taken for {predicted}: {count} of {total} "
            "mistakes."
        )


def _of_slices(manifest: Manifest) -> Iterator[str]:
    metrics = manifest.metrics
    for part in metrics.slices:
        if part.accuracy_interval and part.accuracy_interval[1] < metrics.accuracy:
            yield (
                f"It is weak where {part.by} is {part.name}: its accuracy on {part.photos} photos "
                f"is {percent(part.accuracy)} (95 % interval: {between(part.accuracy_interval)})."
            )
    missing = [by for by in SLICED_BY if by not in {part.by for part in metrics.slices}]
    if missing:
        yield (
            f"How its accuracy depends on {listed(missing)} is not known: too few test photos "
            "differ in that."
        )


def percent(share: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{share:.1%}".replace("%", " %")


def between(interval: Interval) -> str:
    """An interval in words."""
    return f"between {percent(interval[0])} and {percent(interval[1])}"


def listed(names: list[str]) -> str:
    """Names in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
