"""The model: how good it is, what it was made from, what was live before and what was refused."""

from collections.abc import Callable

import streamlit as st

from serving.api.schemas import ModelDetails, ModelInfo
from serving.client import Client
from serving.webapp.components import cards, plots, tables
from serving.webapp.components.connection import connect, model_or_notice, told_or_notice
from serving.webapp.language.choice import say

_PAGE_HEIGHT = 800

# It comes before everything in the document, so no script of it runs, whatever it holds.
_POLICY = (
    '<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)


def draw() -> None:
    """The page."""
    with connect() as client:
        info = model_or_notice(client, _heading)
        if info is None:
            return
        details = told_or_notice("details", info.version, lambda: client.details(info.version))
        if details is not None:
            _quality(details)
        _data(client, info)
        _releases(client, info, details)


def _heading(info: ModelInfo | None) -> str:
    about = say("How good it is, what it was made from, and who decided")
    version = f": {info.version}" if info else ""
    return cards.title(say("The model"), f"{about}{version}.")


def _quality(details: ModelDetails) -> None:
    st.header(say("How good it is"), anchor=False)
    st.html(cards.quality(details))
    st.html(tables.class_table(details))
    st.subheader(say("What it takes for what"), anchor=False)
    st.html(tables.confusion_table(details))
    if details.reliability:
        st.subheader(say("Whether it is as often right as it is sure"), anchor=False)
        st.altair_chart(
            plots.reliability(details.reliability),
            alt=say("How often it is right, by how sure it is; the table below has the figures"),
        )
        with st.expander(say("The figures")):
            st.html(tables.reliability_table(details))


def _data(client: Client, info: ModelInfo) -> None:
    st.header(say("What it was made from"), anchor=False)
    st.html(tables.counts_table(info.counts))
    st.html(tables.origins(info))
    version = info.version
    _show_page(
        say("Show the photos and their report"),
        f"data-report-{version}.html",
        lambda: client.report_page(version),
    )
    _show_page(
        say("Show the whole model card"),
        f"model-card-{version}.html",
        lambda: client.card_page(version),
    )


def _show_page(label: str, name: str, ask: Callable[[], str]) -> None:
    """A document of its own, on request, to read here or to keep."""
    if not st.toggle(label):
        return
    page = told_or_notice(name.partition("-")[0], name, ask)
    if page is not None:
        st.iframe(_POLICY + page, height=_PAGE_HEIGHT, alt=label)
        st.download_button(say("Save this page"), page, file_name=name, mime="text/html")


def _releases(client: Client, info: ModelInfo, details: ModelDetails | None) -> None:
    if details is not None and details.champion is not None:
        st.header(say("Beside the model before"), anchor=False)
        st.html(tables.beside_table(details, details.champion))
    number = info.release.number
    st.header(say("What was live when"), anchor=False)
    history = told_or_notice("history", number, client.history)
    if history is not None:
        st.html(tables.history_table(history))
    refusals = told_or_notice("refusals", number, client.refusals)
    if refusals is not None and refusals.refused:
        st.header(say("Challengers that were refused"), anchor=False)
        st.html(tables.refusals_table(refusals))
