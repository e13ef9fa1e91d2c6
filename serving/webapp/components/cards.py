"""Predictions and figures as HTML. All that comes from outside passes through `html.escape`."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from serving.api.model_schemas import ModelDetails, ModelInfo
from serving.api.schemas import Prediction
from serving.webapp.language.formats import date, number, percent
from serving.webapp.language.notices import Notice, outside, uncertain
from serving.webapp.language.translation import gettext, ngettext


@dataclass(frozen=True)
class Figure:
    """A figure with its name in the field, and what it means in plain words."""

    term: str
    value: str
    explanation: str = ""


def notice(shown: Notice) -> str:
    """What is wrong or worth knowing, and what to do about it."""
    kind, role = ("dd-error", "alert") if shown.is_error else ("", "status")
    commands = f"<code>{escape(shown.commands)}</code>" if shown.commands else ""
    return (
        f'<section class="dd-card dd-notice {kind}" role="{role}">'
        f"<b>{escape(shown.title)}</b><p>{escape(shown.text)}</p>{commands}</section>"
    )


def prediction_card(prediction: Prediction, unsure_below: float | None, seconds: float) -> str:
    """The predicted class and its confidence, large; then the probability of each class.

    Args:
        prediction: from the API.
        unsure_below: the confidence below which a prediction counts as uncertain.
        seconds: how long it took, from this page to the API and back.
    """
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    bars = "".join(_bar(label, share, label == prediction.label) for label, share in ranked)
    confidence = gettext("Confidence: {percent}", percent=percent(prediction.confidence))
    term = _small(gettext("Prediction"))
    if prediction.outside:
        head = term + _doubtful(prediction, gettext("Another kind of photo"), outside())
    elif unsure_below is not None and prediction.confidence < unsure_below:
        head = term + _doubtful(prediction, gettext("Uncertain"), uncertain(unsure_below))
    else:
        head = f'{term}<p class="dd-label">{escape(prediction.label)}</p>'
    head += "" if prediction.outside else f'<p class="dd-percent">{confidence}</p>'
    each = _small(gettext("Probability of each class"))
    model = gettext("Model")
    version = f'<span class="dd-version">{escape(prediction.model.version)}</span>'
    took = _small(gettext("Response time: {seconds} s", seconds=number(seconds, 2)))
    return (
        f'<section class="dd-card" aria-live="polite">{head}{each}<ul class="dd-bars">{bars}</ul>'
        f'<p class="dd-small">{escape(model)} {version}</p>{took}</section>'
    )


def _doubtful(prediction: Prediction, title: str, why: str) -> str:
    """In place of the label."""
    likeliest = gettext("Most likely {label}", label=prediction.label)
    return (
        f'<p class="dd-label dd-unsure">{escape(title)}</p>'
        f'<p class="dd-likeliest">{escape(likeliest)}</p>'
        f'<p class="dd-small dd-doubt">{escape(why)}</p>'
    )


def _small(text: str) -> str:
    return f'<p class="dd-small">{escape(text)}</p>'


def caption(text: str) -> str:
    """Plain words under a picture."""
    return f'<p class="dd-small dd-caption">{escape(text)}</p>'


def batch_figures(
    counted: list[tuple[str, int]], uncertain_photos: int, outside_photos: int, rejected: int
) -> list[Figure]:
    """How many photos of each class there are, of which it is unsure, and without a prediction."""
    figures = [
        Figure(label, number(photos), ngettext("photo", "photos", photos))
        for label, photos in counted
    ]
    if uncertain_photos:
        below = gettext("with a confidence below the model's threshold")
        figures.append(Figure(gettext("Uncertain"), number(uncertain_photos), below))
    if outside_photos:
        unlike = gettext("unlike the photos that the model was trained on")
        other = gettext("Another kind of photo")
        figures.append(Figure(other, number(outside_photos), unlike))
    if rejected:
        without = ngettext("file without a prediction", "files without a prediction", rejected)
        figures.append(Figure(gettext("Failed"), number(rejected), without))
    return figures


def summary_figures(info: ModelInfo) -> list[Figure]:
    """How good the model is, how much it was trained on, since when it is live."""
    trained_on = sum(splits.get("train", 0) for splits in info.counts.values())
    tested = {"photos": number(info.test_photos)}
    if info.is_sample:
        correct = ngettext(
            "share of {photos} generated test photo that it got right",
            "share of {photos} generated test photos that it got right",
            info.test_photos,
            **tested,
        )
        learned = gettext("generated photos that it was trained on")
    else:
        correct = ngettext(
            "share of {photos} test photo that it got right",
            "share of {photos} test photos that it got right",
            info.test_photos,
            **tested,
        )
        learned = gettext("photos that it was trained on")
    return [
        Figure(gettext("Accuracy"), percent(info.accuracy), correct),
        Figure(gettext("Training photos"), number(trained_on), learned),
        Figure(gettext("Release date"), date(info.release.when), gettext("live since this day")),
    ]


def evaluation_figures(details: ModelDetails) -> list[Figure]:
    """How good a model is, and how certain that is."""
    share = gettext("share of the test photos that it got right")
    figures = [Figure(gettext("Accuracy"), percent(details.accuracy), share)]
    if details.accuracy_interval is not None:
        low, high = map(percent, details.accuracy_interval)
        figures.append(
            Figure(
                gettext("95% confidence interval"),
                gettext("{low} to {high}", low=low, high=high),
                gettext("where the accuracy on many more such photos would lie"),
            )
        )
    if details.calibration_error is not None:
        figures.append(
            Figure(
                gettext("Expected calibration error"),
                number(details.calibration_error, 3),
                gettext("mean gap between confidence and accuracy; 0 is perfect"),
            )
        )
    if details.unsure_below is not None:
        figures.append(
            Figure(
                gettext("Confidence threshold"),
                percent(details.unsure_below),
                gettext("below it, a prediction counts as uncertain"),
            )
        )
    return figures


def figure_card(figures: Iterable[Figure]) -> str:
    """Figures side by side: the term, the value, and what it means."""
    cells = "".join(
        f"<div><dt>{escape(one.term)}</dt><dd>{escape(one.value)}</dd>"
        + (f'<dd class="dd-small">{escape(one.explanation)}</dd>' if one.explanation else "")
        + "</div>"
        for one in figures
    )
    return f'<dl class="dd-card dd-facts">{cells}</dl>'


def enumerate_classes(names: list[str]) -> str:
    """Class names in a sentence."""
    if len(names) < 2:  # noqa: PLR2004
        return "".join(names)
    return gettext("{most} or {last}", most=", ".join(names[:-1]), last=names[-1])


def _bar(label: str, share: float, first: bool) -> str:
    return (
        f'<li class="{"dd-first" if first else ""}">'
        f'<div class="dd-row"><span>{escape(label)}</span><span>{percent(share)}</span></div>'
        f'<div class="dd-track" role="meter" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{100 * share:.1f}">'
        f'<div class="dd-fill" style="width: {100 * share:.1f}%"></div></div></li>'
    )
