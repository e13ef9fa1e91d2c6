"""Charts for people who look. Colours are the theme's; every chart has a table beside it."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from serving.api.model_schemas import ReliabilityBin
from serving.api.schemas import Activity
from serving.webapp.language.translation import gettext

_HEIGHT = 220
_GREY = "#808080"  # to be seen in both themes


def reliability(bins: Sequence[ReliabilityBin]) -> alt.LayerChart | alt.FacetChart:
    """Accuracy over confidence, with 95 % intervals; perfect calibration is the diagonal."""
    rows = [
        {
            "confidence": one.confidence,
            "accuracy": one.accuracy,
            "low": (one.accuracy_interval or (one.accuracy, one.accuracy))[0],
            "high": (one.accuracy_interval or (one.accuracy, one.accuracy))[1],
            "photos": one.photos,
        }
        for one in bins
    ]
    least = min([0.5, *(row["confidence"] for row in rows), *(row["low"] for row in rows)])
    share = alt.Scale(domain=[least, 1], nice=False)
    axis = alt.Axis(format="%")
    x = alt.X("confidence:Q", title=gettext("Confidence"), scale=share, axis=axis)
    y = alt.Y("accuracy:Q", title=gettext("Accuracy"), scale=share, axis=axis)
    ends = [{"confidence": least, "accuracy": least}, {"confidence": 1.0, "accuracy": 1.0}]
    measured = alt.Chart(alt.InlineData(values=rows))
    ideal = alt.Chart(alt.InlineData(values=ends))
    return alt.layer(
        ideal.mark_line(strokeDash=[4, 4], opacity=0.5).encode(x=x, y=y),
        measured.mark_rule(color=_GREY).encode(x=x, y=alt.Y("low:Q", scale=share), y2="high:Q"),
        measured.mark_point(filled=True, size=80, opacity=1).encode(
            x=x, y=y, tooltip=[alt.Tooltip("photos:Q", title=gettext("Test photos"))]
        ),
    ).properties(height=_HEIGHT + 80)


def photos(activity: Activity) -> alt.Chart:
    """Photos of each minute, stacked by predicted class."""
    rows = [
        {"minute": minute.start, "class": label, "photos": count}
        for minute in activity.minutes
        for label, count in minute.photos.items()
    ]
    chart: alt.Chart = (
        _over_time(activity, rows)
        .mark_bar(width=4)
        .encode(
            y=alt.Y("photos:Q", title=gettext("Photos"), axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("class:N", title=gettext("Predicted class")),
        )
    )
    return chart


def confidence(activity: Activity) -> alt.Chart:
    """The mean confidence of each minute."""
    rows = [{"minute": one.start, "confidence": one.confidence} for one in activity.minutes]
    scale = alt.Scale(domain=[min(0.5, *(one.confidence for one in activity.minutes), 1), 1])
    chart: alt.Chart = (
        _over_time(activity, rows)
        .mark_line(point=True)
        .encode(
            y=alt.Y(
                "confidence:Q",
                title=gettext("Confidence"),
                scale=scale,
                axis=alt.Axis(format="%"),
            )
        )
    )
    return chart


def latency(activity: Activity) -> alt.Chart:
    """p50 (the median) and p99 of each minute."""
    rows = [
        {"minute": one.start, "percentile": percentile, "ms": value}
        for one in activity.minutes
        for percentile, value in (("p50", one.median_ms), ("p99", one.late_ms))
    ]
    chart: alt.Chart = (
        _over_time(activity, rows)
        .mark_line(point=True)
        .encode(
            y=alt.Y("ms:Q", title=gettext("Latency (ms)"), scale=alt.Scale(zero=True)),
            color=alt.Color("percentile:N", title=None),
        )
    )
    return chart


def _over_time(activity: Activity, rows: list[dict[str, Any]]) -> alt.Chart:
    times = alt.Scale(type="utc", domain=[activity.since, activity.until])
    x = alt.X("minute:T", title=None, scale=times, axis=alt.Axis(format="%H:%M"))
    return alt.Chart(alt.InlineData(values=rows)).encode(x=x).properties(height=_HEIGHT)
