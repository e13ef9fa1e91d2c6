"""Charts for people who look. Colours are the theme's; every chart has a table beside it."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from serving.api.schemas import Activity, ReliabilityBin
from serving.webapp.language.choice import say

_HEIGHT = 220
_GREY = "#808080"  # to be seen in both themes


def reliability(bins: Sequence[ReliabilityBin]) -> alt.LayerChart | alt.FacetChart:
    """Accuracy over confidence, with 95 % intervals; true probabilities lie on the diagonal."""
    rows = [
        {
            "sure": one.confidence,
            "right": one.accuracy,
            "low": (one.accuracy_interval or (one.accuracy, one.accuracy))[0],
            "high": (one.accuracy_interval or (one.accuracy, one.accuracy))[1],
            "photos": one.photos,
        }
        for one in bins
    ]
    least = min([0.5, *(row["sure"] for row in rows), *(row["low"] for row in rows)])
    share = alt.Scale(domain=[least, 1], nice=False)
    x = alt.X("sure:Q", title=say("It is so sure"), scale=share, axis=alt.Axis(format="%"))
    y = alt.Y("right:Q", title=say("and so often right"), scale=share, axis=alt.Axis(format="%"))
    ends = [{"sure": least, "right": least}, {"sure": 1.0, "right": 1.0}]
    measured = alt.Chart(alt.InlineData(values=rows))
    ideal = alt.Chart(alt.InlineData(values=ends))
    return alt.layer(
        ideal.mark_line(strokeDash=[4, 4], opacity=0.5).encode(x=x, y=y),
        measured.mark_rule(color=_GREY).encode(x=x, y=alt.Y("low:Q", scale=share), y2="high:Q"),
        measured.mark_point(filled=True, size=80, opacity=1).encode(
            x=x, y=y, tooltip=[alt.Tooltip("photos:Q", title=say("Test photos"))]
        ),
    ).properties(height=_HEIGHT + 80)


def photos(activity: Activity) -> alt.Chart:
    """Photos of each minute, stacked by class."""
    rows = [
        {"minute": minute.start, "class": label, "photos": count}
        for minute in activity.minutes
        for label, count in minute.photos.items()
    ]
    chart: alt.Chart = (
        _over_time(activity, rows)
        .mark_bar(width=4)
        .encode(
            y=alt.Y("photos:Q", title=say("Photos"), axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("class:N", title=say("Class")),
        )
    )
    return chart


def confidence(activity: Activity) -> alt.Chart:
    """The mean confidence of each minute."""
    rows = [{"minute": one.start, "sure": one.confidence} for one in activity.minutes]
    scale = alt.Scale(domain=[min(0.5, *(one.confidence for one in activity.minutes), 1), 1])
    chart: alt.Chart = (
        _over_time(activity, rows)
        .mark_line(point=True)
        .encode(y=alt.Y("sure:Q", title=say("Sure"), scale=scale, axis=alt.Axis(format="%")))
    )
    return chart


def latency(activity: Activity) -> alt.Chart:
    """Median and 99th percentile of each minute."""
    rows = [
        {"minute": one.start, "which": which, "ms": value}
        for one in activity.minutes
        for which, value in ((say("half"), one.median_ms), (say("99 %"), one.late_ms))
    ]
    chart: alt.Chart = (
        _over_time(activity, rows)
        .mark_line(point=True)
        .encode(
            y=alt.Y("ms:Q", title=say("Milliseconds"), scale=alt.Scale(zero=True)),
            color=alt.Color("which:N", title=None),
        )
    )
    return chart


def _over_time(activity: Activity, rows: list[dict[str, Any]]) -> alt.Chart:
    times = alt.Scale(type="utc", domain=[activity.since, activity.until])
    x = alt.X("minute:T", title=None, scale=times, axis=alt.Axis(format="%H:%M"))
    return alt.Chart(alt.InlineData(values=rows)).encode(x=x).properties(height=_HEIGHT)
