"""Answers and facts as HTML. All that comes from outside passes through `html.escape`."""

import base64
from collections.abc import Iterable
from datetime import datetime
from html import escape

from serving.schemas import ModelInfo, Prediction, ReleasedModel, ReleaseHistory
from serving.webapp.artwork import dandelion
from serving.webapp.words import Words

# Streamlit strips SVG elements from HTML, but not pictures.
_FLOWER_BASE64 = base64.b64encode(dandelion(76).encode()).decode()
_FLOWER = f'<img src="data:image/svg+xml;base64,{_FLOWER_BASE64}" alt="" width="76">'


def heading(classes: list[str]) -> str:
    """The top of the page; with the classes that the model can tell apart, once it is known."""
    choice = f": {escape(_enumerate(classes))}" if classes else ""
    return (
        f'<header class="dd-head">{_FLOWER}<div><h1>What is in this photo?</h1>'
        f"<p>Drop one photo or many, and the model says which of these each shows{choice}.</p>"
        "</div></header>"
    )


def notice(words: Words) -> str:
    """What is wrong or worth knowing, and what to do about it."""
    kind, role = ("dd-error", "alert") if words.is_error else ("", "status")
    commands = f"<code>{escape(words.commands)}</code>" if words.commands else ""
    return (
        f'<section class="dd-card dd-notice {kind}" role="{role}">'
        f"<b>{escape(words.title)}</b><p>{escape(words.text)}</p>{commands}</section>"
    )


def answer(prediction: Prediction) -> str:
    """The label and its percentage, large; then a bar for each class, the likeliest first."""
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
    bars = "".join(_bar(label, share, label == prediction.label) for label, share in ranked)
    return (
        '<section class="dd-card" aria-live="polite"><p class="dd-small">The model sees</p>'
        f'<p class="dd-label">{escape(prediction.label)}</p>'
        f'<p class="dd-percent">{prediction.confidence:.1%} sure</p>'
        f'<ul class="dd-bars">{bars}</ul>'
        f'<p class="dd-small">Model <span class="dd-version">{escape(prediction.model.version)}'
        "</span></p></section>"
    )


def caption(text: str) -> str:
    """What is to be seen in a picture."""
    return f'<p class="dd-small dd-caption">{escape(text)}</p>'


def summary(counted: list[tuple[str, int]], refused: int) -> str:
    """How many photos of each class there are, and how many have no answer."""
    figures = [(f"{photos:,}", label) for label, photos in counted]
    if refused:
        figures.append((f"{refused:,}", "without an answer"))
    return _facts(figures)


def history_table(history: ReleaseHistory) -> str:
    """What was live when, by whom and why."""
    rows = "".join(_release(one) for one in history.releases)
    older = history.total - len(history.releases)
    more = f'<p class="dd-small">… and {older:,} before.</p>' if older else ""
    heads = ("Version", "Since", "Accuracy", "By", "Why")
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return (
        f'<table class="dd-table dd-words"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{more}"
    )


def facts(info: ModelInfo) -> str:
    """How good the model is, what it learned from, since when it is live."""
    learned = sum(splits.get("train", 0) for splits in info.counts.values())
    kind = "generated " if info.is_sample else ""
    return _facts(
        [
            (f"{info.accuracy:.1%}", f"right on {info.test_photos:,} {kind}test photos"),
            (f"{learned:,}", f"{kind}photos to learn from"),
            (_day(info.release.when), "live since"),
        ]
    )


def counts_table(info: ModelInfo) -> str:
    """Photos by class and split."""
    splits = list(dict.fromkeys(split for row in info.counts.values() for split in row))
    head = "".join(f'<th scope="col">{escape(split)}</th>' for split in splits)
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{row.get(split, 0):,}</td>" for split in splits)
        + "</tr>"
        for label, row in info.counts.items()
    )
    return (
        f'<table class="dd-table"><thead><tr><th scope="col">Photos</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def origins(info: ModelInfo) -> str:
    """Where the model comes from: versions, runs, who made it live and why."""
    release = info.release
    rows = [
        ("Version", info.version),
        ("Network", f"{info.architecture}, {info.size} x {info.size} pixels"),
        ("Made live by", f"{release.who} ({release.action} no. {release.number}: {release.why})"),
        ("Finished", info.created),
        ("Data set", info.data_hash),
        ("Dagster run", info.dagster_run),
        ("MLflow run", info.mlflow_run),
    ]
    items = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f'<dl class="dd-list">{items}</dl>'


def _release(release: ReleasedModel) -> str:
    version = escape(release.version) + (" (live)" if release.live else "")
    accuracy = "" if release.accuracy is None else f"{release.accuracy:.1%}"
    forced = ", against the gate" if release.forced else ""
    how = f"{release.who} ({release.action}{forced})"
    cells = (_day(release.when), accuracy, how, release.why)
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{version}</th>{told}</tr>'


def _bar(label: str, share: float, first: bool) -> str:
    percent = f"{share:.1%}"
    return (
        f'<li class="{"dd-first" if first else ""}">'
        f'<div class="dd-row"><span>{escape(label)}</span><span>{percent}</span></div>'
        f'<div class="dd-track" role="meter" aria-label="{escape(label)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{100 * share:.1f}">'
        f'<div class="dd-fill" style="width: {percent}"></div></div></li>'
    )


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f'<p><b>{escape(figure)}</b><span class="dd-small">{escape(meaning)}</span></p>'
        for figure, meaning in facts
    )
    return f'<section class="dd-card dd-facts">{cells}</section>'


def _enumerate(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)


def _day(when: str) -> str:
    try:
        return f"{datetime.fromisoformat(when):%-d %b %Y}"
    except ValueError:
        return when
