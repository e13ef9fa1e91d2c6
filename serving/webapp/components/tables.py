"""Tables as HTML. All that comes from outside passes through `html.escape`."""

from collections.abc import Mapping, Sequence
from html import escape

from serving.api.schemas import (
    Activity,
    Comparison,
    ModelDetails,
    ModelInfo,
    Refusals,
    ReleasedModel,
    ReleaseHistory,
    ReleaseInfo,
)
from serving.webapp.language.choice import clock, day, number, percent, say


def history_table(history: ReleaseHistory) -> str:
    """What was live when, by whom and why."""
    rows = "".join(_release(one) for one in history.releases)
    older = history.total - len(history.releases)
    before = escape(say("… and {number} before.", number=number(older)))
    more = f'<p class="dd-small">{before}</p>' if older else ""
    heads = (say("Version"), say("Since"), say("Accuracy"), say("By"), say("Why"))
    return _table(heads, rows, words=True) + more


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Photos by class and split."""
    splits = list(dict.fromkeys(split for row in counts.values() for split in row))
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th>'
        + "".join(f"<td>{number(row.get(split, 0))}</td>" for split in splits)
        + "</tr>"
        for label, row in counts.items()
    )
    return _table((say("Photos"), *splits), rows)


def origins(info: ModelInfo) -> str:
    """Where the model comes from: versions, runs, who made it live and why."""
    release = info.release
    rows = [
        (say("Version"), info.version),
        (say("Network"), f"{info.architecture}, {info.size} x {info.size} pixels"),
        (
            say("Made live by"),
            f"{release.who} ({_action(release)} no. {release.number}: {release.why})",
        ),
        (say("Finished"), info.created),
        (say("Data set"), info.data_hash),
        (say("Dagster run"), info.dagster_run),
        (say("MLflow run"), info.mlflow_run),
    ]
    items = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f'<dl class="dd-list">{items}</dl>'


def _release(release: ReleasedModel) -> str:
    live = say("{version} (live)", version=release.version)
    version = escape(live if release.live else release.version)
    accuracy = "" if release.accuracy is None else percent(release.accuracy)
    forced = ", " + say("against the gate") if release.forced else ""
    how = f"{release.who} ({_action(release)}{forced})"
    cells = (day(release.when), accuracy, how, release.why)
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{version}</th>{told}</tr>'


def confusion_table(details: ModelDetails) -> str:
    """What test photos show, and what the model says of them; the diagonal is right."""
    most = max((max(row) for row in details.confusion), default=0) or 1
    rows = "".join(
        f'<tr><th scope="row">{escape(given)}</th>'
        + "".join(
            f'<td class="{"dd-right" if said == given else "dd-wrong"}" '
            f'style="--share: {count / most:.2f}">{number(count)}</td>'
            for said, count in zip(details.classes, row, strict=True)
        )
        + "</tr>"
        for given, row in zip(details.classes, details.confusion, strict=True)
    )
    seen = (say("seen as {label}", label=label) for label in details.classes)
    return _table((say("It shows"), *seen), rows)


def class_table(details: ModelDetails) -> str:
    """How each class fares."""
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{number(of.photos)}</td>'
        f"<td>{percent(of.recall)}</td><td>{percent(of.precision)}</td></tr>"
        for label, of in details.per_class.items()
    )
    heads = (say("Class"), say("Test photos"), say("found"), say("right when it says so"))
    return _table(heads, rows)


def beside_table(details: ModelDetails, champion: Comparison) -> str:
    """A model beside the one that was live before it, on the same photos."""
    other = say("unknown") if champion.accuracy is None else percent(champion.accuracy)
    lines = [
        (say("right"), percent(details.accuracy), other),
        (
            say("right where the other is wrong"),
            *("" if n is None else number(n) for n in (champion.gained, champion.lost)),
        ),
    ]
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(mine)}</td><td>{escape(its)}</td></tr>'
        for name, mine, its in lines
    )
    return _table((say("Test photos"), details.version, champion.version), rows)


def refusals_table(refusals: Refusals) -> str:
    """The models that the gate did not let live, and why."""
    rows = "".join(
        f'<tr><th scope="row">{escape(one.version)}</th><td>{escape(day(one.verdict.when))}</td>'
        f"<td>{'' if one.accuracy is None else percent(one.accuracy)}</td>"
        f"<td>{escape('; '.join(c.says for c in one.verdict.criteria if not c.passed))}</td></tr>"
        for one in refusals.refused
    )
    return _table((say("Version"), say("Judged"), say("Accuracy"), say("Why")), rows, words=True)


def reliability_table(details: ModelDetails) -> str:
    """The figures of the reliability plot."""
    rows = "".join(
        f'<tr><th scope="row">{percent(one.confidence)}</th><td>{percent(one.accuracy)}</td>'
        f"<td>{number(one.photos)}</td></tr>"
        for one in details.reliability
    )
    return _table((say("It is so sure"), say("and so often right"), say("Test photos")), rows)


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
    times = (say("half in ms"), say("99 % in ms"))
    return _table((say("UTC"), *labels, say("Sure"), *times), rows)


def _table(heads: Sequence[str], rows: str, *, words: bool = False) -> str:
    """Rows of HTML below heads of text."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    kind = "dd-table dd-words" if words else "dd-table"
    return (
        f'<div class="dd-scroll"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _action(release: ReleaseInfo) -> str:
    return say("rollback") if release.action == "rollback" else say("promotion")
