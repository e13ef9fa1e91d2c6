"""Tables as HTML. All that comes from outside passes through `html.escape`."""

from collections.abc import Mapping, Sequence
from html import escape

from serving.api.model_schemas import (
    Comparison,
    ModelDetails,
    ModelInfo,
    Refusals,
    ReleasedModel,
    ReleaseHistory,
    ReleaseInfo,
)
from serving.api.schemas import Activity, SimilarPhotos
from serving.webapp.language.formats import clock, date, number, percent
from serving.webapp.language.translation import gettext, ngettext

_SHOWN_ID = 12  # digits; enough for the commands that take an ID

Head = str | tuple[str, str]
"""The head of a column or row: a term, or a term and what it means in plain words."""


def history_table(history: ReleaseHistory) -> str:
    """Which model was live when, who released it and why."""
    rows = "".join(_release(one) for one in history.releases)
    older = history.total - len(history.releases)
    before = ngettext(
        "{number} older release is not shown.",
        "{number} older releases are not shown.",
        older,
        number=number(older),
    )
    more = f'<p class="dd-small">{escape(before)}</p>' if older else ""
    heads = (
        gettext("Version"),
        gettext("Live since"),
        gettext("Accuracy"),
        gettext("Released by"),
        gettext("Reason"),
    )
    return _table(heads, rows, text=True) + more


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Photos by class and split."""
    splits = list(dict.fromkeys(split for row in counts.values() for split in row))
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{number(row.get(split, 0))}</td>" for split in splits)
        + "</tr>"
        for label, row in counts.items()
    )
    return _table((gettext("Class"), *splits), rows)


def provenance(info: ModelInfo) -> str:
    """Where the model comes from: versions, runs, who released it and why."""
    release = info.release
    rows = [
        (gettext("Version"), info.version),
        (
            gettext("Architecture"),
            gettext(
                "{network}, {size}\N{MULTIPLICATION SIGN}{size} pixels",
                network=info.architecture,
                size=info.size,
            ),
        ),
        (
            gettext("Released by"),
            gettext(
                "{who} ({action} no. {number}: {why})",
                who=release.who,
                action=_action(release),
                number=number(release.number),
                why=release.why,
            ),
        ),
        (gettext("Created"), info.created),
        (gettext("Data set hash"), info.data_hash),
        (gettext("Dagster run"), info.dagster_run),
        (gettext("MLflow run"), info.mlflow_run),
    ]
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f'<dl class="dd-list">{items}</dl>'


def _release(release: ReleasedModel) -> str:
    live = gettext("{version} (live)", version=release.version)
    version = escape(live if release.live else release.version)
    accuracy = "" if release.accuracy is None else percent(release.accuracy)
    forced = ", " + gettext("forced past the gate") if release.forced else ""
    how = f"{release.who} ({_action(release)}{forced})"
    cells = (date(release.when), accuracy, how, release.why)
    columns = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{version}</th>{columns}</tr>'


def confusion_table(details: ModelDetails) -> str:
    """Confusion matrix: test photos by given and predicted label; the diagonal is right."""
    most = max((max(row) for row in details.confusion), default=0) or 1
    rows = "".join(
        f'<tr><th scope="row">{escape(given)}</th>'
        + "".join(
            f'<td class="{"dd-right" if predicted == given else "dd-wrong"}" '
            f'style="--share: {count / most:.2f}">{number(count)}</td>'
            for predicted, count in zip(details.classes, row, strict=True)
        )
        + "</tr>"
        for given, row in zip(details.classes, details.confusion, strict=True)
    )
    predicted_labels = (gettext("predicted {label}", label=label) for label in details.classes)
    return _table((gettext("Given label"), *predicted_labels), rows)


def class_table(details: ModelDetails) -> str:
    """Recall and precision of each class."""
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{number(of.photos)}</td>'
        f"<td>{percent(of.recall)}</td><td>{percent(of.precision)}</td></tr>"
        for label, of in details.per_class.items()
    )
    heads = (
        gettext("Class"),
        gettext("Test photos"),
        (gettext("Recall"), gettext("share of the class's photos that it found")),
        (gettext("Precision"), gettext("share that is right when it predicts the class")),
    )
    return _table(heads, rows)


def comparison_table(details: ModelDetails, champion: Comparison) -> str:
    """A model and the champion of its time, on the same photos."""
    other = gettext("unknown") if champion.accuracy is None else percent(champion.accuracy)
    lines: list[tuple[Head, str, str]] = [
        (gettext("Accuracy"), percent(details.accuracy), other),
        (
            (gettext("Wins"), gettext("photos it gets right and the other model gets wrong")),
            "" if champion.gained is None else number(champion.gained),
            "" if champion.lost is None else number(champion.lost),
        ),
    ]
    rows = "".join(
        f"<tr>{_head(head, 'row')}<td>{escape(mine)}</td><td>{escape(its)}</td></tr>"
        for head, mine, its in lines
    )
    return _table((gettext("Measure"), details.version, champion.version), rows)


def refusals_table(refusals: Refusals) -> str:
    """The models that the gate rejected, and why."""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.version)}</th><td>{escape(date(one.verdict.when))}</td>'
        f"<td>{'' if one.accuracy is None else percent(one.accuracy)}</td>"
        f"<td>{escape('; '.join(c.says for c in one.verdict.criteria if not c.passed))}</td></tr>"
        for one in refusals.refused
    )
    heads = (gettext("Version"), gettext("Date"), gettext("Accuracy"), gettext("Reason"))
    return _table(heads, rows, text=True)


def similar_table(similar: SimilarPhotos) -> str:
    """The training photos that a photo resembles most, the nearest first."""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.label)}</th><td>{number(one.similarity, 2)}</td>'
        f"<td>{escape(one.sha256[:_SHOWN_ID])}</td></tr>"
        for one in similar.photos
    )
    same = gettext("1 for the same picture")
    known = gettext("in the store")
    heads = (
        gettext("Class"),
        (gettext("Cosine similarity"), same),
        (gettext("Photo ID"), known),
    )
    return _table(heads, rows)


def reliability_table(details: ModelDetails) -> str:
    """The figures of the reliability plot."""
    rows = "".join(
        f'<tr><th scope="row">{percent(one.confidence)}</th><td>{percent(one.accuracy)}</td>'
        f"<td>{number(one.photos)}</td></tr>"
        for one in details.reliability
    )
    return _table((gettext("Confidence"), gettext("Accuracy"), gettext("Test photos")), rows)


def activity_table(activity: Activity) -> str:
    """The figures of the charts, newest first."""
    labels = sorted({label for one in activity.minutes for label in one.photos})
    rows = "".join(
        f'<tr><th scope="row">{clock(one.start)}</th>'
        + "".join(f"<td>{number(one.photos.get(label, 0))}</td>" for label in labels)
        + f"<td>{percent(one.confidence)}</td><td>{number(one.median_ms, 1)}</td>"
        f"<td>{number(one.late_ms, 1)}</td></tr>"
        for one in reversed(activity.minutes)
    )
    measures = (gettext("Mean confidence"), gettext("p50 (ms)"), gettext("p99 (ms)"))
    return _table((gettext("Time (UTC)"), *labels, *measures), rows)


def _table(heads: Sequence[Head], rows: str, *, text: bool = False) -> str:
    """Rows of HTML below heads of text."""
    head = "".join(_head(one, "col") for one in heads)
    kind = "dd-table dd-text" if text else "dd-table"
    return (
        f'<div class="dd-scroll"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _head(head: Head, scope: str) -> str:
    term, explanation = (head, "") if isinstance(head, str) else head
    small = f'<span class="dd-small">{escape(explanation)}</span>' if explanation else ""
    return f'<th scope="{scope}">{escape(term)}{small}</th>'


def _action(release: ReleaseInfo) -> str:
    return gettext("rollback") if release.action == "rollback" else gettext("promotion")
