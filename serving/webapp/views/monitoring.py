"""Monitoring: traffic, predictions, confidence and latency of the API."""

import streamlit as st

from serving.api.schemas import Activity
from serving.client import Client, ClientError
from serving.webapp.components import cards, headings, plots, tables
from serving.webapp.components.api_access import connect
from serving.webapp.components.cards import Figure
from serving.webapp.components.counters import Counters
from serving.webapp.language import notices
from serving.webapp.language.formats import clock, number, percent
from serving.webapp.language.translation import (
    current_language,
    gettext,
    ngettext,
    use_language,
)

_REFRESH_SECONDS = 10
_WINDOWS = (15, 60, 180)


def draw() -> None:
    """The page; its figures are requested again every few seconds."""
    about = gettext("Traffic, predictions, confidence and latency of the API.")
    st.html(headings.title(gettext("Monitoring"), about))
    window = st.segmented_control(
        gettext("Time range: the last"),
        _WINDOWS,
        format_func=_minutes,
        default=_WINDOWS[1],
        key="window",
        required=True,
    )
    _figures(window or _WINDOWS[1], current_language())


def _minutes(minutes: int) -> str:
    return ngettext("{minutes} minute", "{minutes} minutes", minutes, minutes=number(minutes))


@st.fragment(run_every=_REFRESH_SECONDS)
def _figures(minutes: int, language: str) -> None:
    use_language(language)  # only this function runs again, in another thread
    with connect() as client:
        try:
            _draw(client, client.activity(minutes), minutes)
        except ClientError as error:
            st.html(cards.notice(notices.explain(error)))
            st.button(gettext("Try again"))


def _draw(client: Client, activity: Activity, minutes: int) -> None:
    st.html(cards.figure_card(_totals(Counters.of(client.metrics()))))
    if not activity.minutes:
        st.html(cards.notice(_no_predictions(minutes)))
        return
    headings.section(
        gettext("Predictions per minute"), gettext("Photos by the class that was predicted.")
    )
    chart = gettext("Bar chart of predictions per minute; the table below has the values")
    st.altair_chart(plots.photos(activity), alt=chart)
    headings.section(
        gettext("Mean confidence"), gettext("How sure the model is, on average over each minute.")
    )
    chart = gettext("Line chart of the mean confidence; the table below has the values")
    st.altair_chart(plots.confidence(activity), alt=chart)
    headings.section(
        gettext("p50 / p99 latency"),
        gettext("Half of the photos take at most p50, and 99% take at most p99."),
    )
    chart = gettext("Line chart of p50 and p99 latency; the table below has the values")
    st.altair_chart(plots.latency(activity), alt=chart)
    with st.expander(gettext("Values as a table")):
        st.html(tables.activity_table(activity))
    refresh = gettext(
        "Updated at {time} UTC; refreshes every {seconds} s. Times are UTC.",
        time=clock(activity.until),
        seconds=number(_REFRESH_SECONDS),
    )
    st.html(cards.caption(refresh))


def _no_predictions(minutes: int) -> notices.Notice:
    title = ngettext(
        "No predictions in the last minute",
        "No predictions in the last {minutes} minutes",
        minutes,
        minutes=number(minutes),
    )
    delay = gettext("A prediction appears here some seconds after it was made.")
    return notices.Notice(title, delay, is_error=False)


def _totals(counters: Counters) -> list[Figure]:
    """Since the API was started, and at this moment."""
    since = gettext("since the API started")
    figures = [
        Figure(gettext("Requests"), number(counters.requests), since),
        Figure(gettext("Predictions"), number(counters.predictions), since),
        Figure(
            gettext("Uncertain"),
            number(counters.uncertain),
            gettext("with a confidence below the model's threshold"),
        ),
        Figure(
            gettext("Another kind of photo"),
            number(counters.outside),
            gettext("unlike the photos that the model was trained on"),
        ),
        Figure(
            gettext("Rejected photos"),
            number(counters.rejected),
            gettext("unreadable, damaged or too large"),
        ),
        Figure(
            gettext("Error rate"),
            percent(counters.error_rate),
            gettext("requests that failed on the server (5xx)"),
        ),
        Figure(
            gettext("In flight"),
            number(counters.in_flight),
            gettext("photos being processed now"),
        ),
    ]
    if counters.median_ms is not None:
        figures.append(
            Figure(
                gettext("p50 latency"),
                gettext("{ms} ms", ms=number(counters.median_ms)),
                gettext("median of requests for one photo"),
            )
        )
    return figures
