"""Answers and facts as HTML. All that comes from outside passes through `html.escape`."""

import base64
from collections.abc import Iterable
from html import escape

from serving.api.schemas import ModelDetails, ModelInfo, Prediction
from serving.webapp.components.artwork import dandelion
from serving.webapp.language.choice import day, number, percent, say
from serving.webapp.language.words import Words, doubt

# Streamlit strips SVG elements from HTML, but not pictures.
_FLOWER_BASE64 = base64.b64encode(dandelion(76).encode()).decode()
_FLOWER = f'<img src="data:image/svg+xml;base64,{_FLOWER_BASE64}" alt="" width="76">'


def heading(classes: list[str]) -> str:
    """The top of the page; with the classes that the model can tell apart, once it is known."""
    about = say("Drop one photo or many, and the model says what each shows")
    choice = f": {_enumerate(classes)}" if classes else ""
    return title(say("What is in this photo?"), f"{about}{choice}.")


def title(text: str, about: str) -> str:
    """The top of a page: what it is, and what it is for."""
    return (
        f'<header class="dd-head">{_FLOWER}<div><h1>{escape(text)}</h1>'
        f"<p>{escape(about)}</p></div></header>"
    )


def notice(words: Words) -> str:
    """What is wrong or worth knowing, and what to do about it."""
    kind, role = ("dd-error", "alert") if words.is_error else ("", "status")
    commands = f"<code>{escape(words.commands)}</code>" if words.commands else ""
    return (
        f'<section class="dd-card dd-notice {kind}" role="{role}">'
        f"<b>{escape(words.title)}</b><p>{escape(words.text)}</p>{commands}</section>"
    )


def answer(prediction: Prediction, unsure_below: float | None, seconds: float) -> str:
    """The label and its percentage, large; then a bar for each class, the likeliest first.

    Args:
        prediction: what the API says.
        unsure_below: the confidence below which the answer is that there is none.
        seconds: how long it took.
    """
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    bars = "".join(_bar(label, share, label == prediction.label) for label, share in ranked)
    sure = say("{percent} sure", percent=percent(prediction.confidence))
    if unsure_below is not None and prediction.confidence < unsure_below:
        head = (
            f'<p class="dd-small">{escape(say("The model is"))}</p>'
            f'<p class="dd-label dd-unsure">{escape(say("Not sure"))}</p>'
            f'<p class="dd-percent">{escape(say("maybe {label}", label=prediction.label))}, '
            f'{sure}</p><p class="dd-small dd-doubt">{escape(doubt(unsure_below))}</p>'
        )
    else:
        head = (
            f'<p class="dd-small">{escape(say("The model sees"))}</p>'
            f'<p class="dd-label">{escape(prediction.label)}</p>'
            f'<p class="dd-percent">{sure}</p>'
        )
    version = f'<span class="dd-version">{escape(prediction.model.version)}</span>'
    took = escape(say("in {seconds} s", seconds=number(seconds, 2)))
    return (
        f'<section class="dd-card" aria-live="polite">{head}<ul class="dd-bars">{bars}</ul>'
        f'<p class="dd-small">{escape(say("Model"))} {version}, {took}</p></section>'
    )


def caption(text: str) -> str:
    """What is to be seen in a picture."""
    return f'<p class="dd-small dd-caption">{escape(text)}</p>'


def summary(counted: list[tuple[str, int]], unsure: int, refused: int) -> str:
    """How many photos of each class there are, of which it is not sure, and without an answer."""
    figures = [(number(photos), label) for label, photos in counted]
    if unsure:
        figures.append((number(unsure), say("of which it is not sure")))
    if refused:
        figures.append((number(refused), say("without an answer")))
    return fact_card(figures)


def facts(info: ModelInfo) -> str:
    """How good the model is, what it learned from, since when it is live."""
    learned = sum(splits.get("train", 0) for splits in info.counts.values())
    tested = number(info.test_photos)
    right = (
        say("right on {photos} generated test photos", photos=tested)
        if info.is_sample
        else say("right on {photos} test photos", photos=tested)
    )
    from_what = (
        say("generated photos to learn from") if info.is_sample else say("photos to learn from")
    )
    return fact_card(
        [
            (percent(info.accuracy), right),
            (number(learned), from_what),
            (day(info.release.when), say("live since")),
        ]
    )


def quality(details: ModelDetails) -> str:
    """How good a model is, and within what."""
    figures = [(percent(details.accuracy), say("of the test photos are right"))]
    if details.accuracy_interval is not None:
        low, high = map(percent, details.accuracy_interval)
        figures.append(
            (
                say("{low} to {high}", low=low, high=high),
                say("is where it lies on all such photos, at 95 %"),
            )
        )
    if details.calibration_error is not None:
        off = say("{points} points", points=number(100 * details.calibration_error, 1))
        figures.append((off, say("lie between how sure it is and how often it is right")))
    if details.unsure_below is not None:
        figures.append((percent(details.unsure_below), say("is what it must reach to be sure")))
    return fact_card(figures)


def _bar(label: str, share: float, first: bool) -> str:
    return (
        f'<li class="{"dd-first" if first else ""}">'
        f'<div class="dd-row"><span>{escape(label)}</span><span>{percent(share)}</span></div>'
        f'<div class="dd-track" role="meter" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{100 * share:.1f}">'
        f'<div class="dd-fill" style="width: {100 * share:.1f}%"></div></div></li>'
    )


def fact_card(facts: Iterable[tuple[str, str]]) -> str:
    """Figures, each with what it means."""
    cells = "".join(
        f'<p><b>{escape(figure)}</b><span class="dd-small">{escape(meaning)}</span></p>'
        for figure, meaning in facts
    )
    return f'<section class="dd-card dd-facts">{cells}</section>'


def _enumerate(names: list[str]) -> str:
    if len(names) < 2:  # noqa: PLR2004
        return "".join(names)
    return say("{most} or {last}", most=", ".join(names[:-1]), last=names[-1])
