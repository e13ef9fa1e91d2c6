"""Live: how many photos come, what is seen in them, how sure the model is, and how fast."""

import streamlit as st

from serving.api.schemas import Activity
from serving.client import Client, ClientError
from serving.webapp.components import cards, plots, tables
from serving.webapp.components.connection import connect
from serving.webapp.components.counters import Counters
from serving.webapp.language import words
from serving.webapp.language.choice import clock, number, percent, say, speak, spoken

_EVERY_SECONDS = 10
_WINDOWS = (15, 60, 180)


def draw() -> None:
    """The page; its figures are asked for again every few seconds."""
    st.html(cards.title(say("Live"), say("What the API answers, as it goes.")))
    window = st.segmented_control(
        say("The last"),
        _WINDOWS,
        format_func=lambda minutes: say("{minutes} minutes", minutes=minutes),
        default=_WINDOWS[1],
        key="window",
        required=True,
    )
    _figures(window or _WINDOWS[1], spoken())


@st.fragment(run_every=_EVERY_SECONDS)
def _figures(minutes: int, language: str) -> None:
    speak(language)  # only this function runs again, in another thread
    with connect() as client:
        try:
            _draw(client, client.activity(minutes), minutes)
        except ClientError as error:
            st.html(cards.notice(words.explain(error)))
            st.button(say("Try again"))


def _draw(client: Client, activity: Activity, minutes: int) -> None:
    counters = Counters.of(client.metrics())
    st.html(cards.fact_card(_now(counters)))
    if not activity.minutes:
        nothing = say("No photo was answered in the last {minutes} minutes.", minutes=minutes)
        advice = say("What is answered is here some seconds later.")
        st.html(cards.notice(words.Words(nothing, advice, is_error=False)))
        return
    for title, chart in (
        (say("Photos a minute, by what is seen in them"), plots.photos(activity)),
        (say("How sure the model is"), plots.confidence(activity)),
        (
            say("Milliseconds for a photo: half of them, and all but the slowest 1 %"),
            plots.latency(activity),
        ),
    ):
        st.header(title, anchor=False)
        st.altair_chart(chart, alt=say("{title}; the table has the figures", title=title))
    with st.expander(say("The figures")):
        st.html(tables.activity_table(activity))
    read = say("Asked for again every {seconds} s; times are UTC.", seconds=_EVERY_SECONDS)
    st.html(cards.caption(f"{clock(activity.until)}. {read}"))


def _now(counters: Counters) -> list[tuple[str, str]]:
    """Since the API was started, and at this moment."""
    figures = [
        (number(counters.requests), say("requests since the start")),
        (number(counters.predictions), say("photos answered")),
        (number(counters.refused), say("photos refused")),
        (percent(counters.failed_share), say("of the requests failed")),
        (number(counters.waiting), say("photos at this moment")),
    ]
    if counters.median_ms is not None:
        figures.append(
            (say("{ms} ms", ms=number(counters.median_ms)), say("is the median of a photo"))
        )
    return figures
