"""The model: evaluation, data, provenance, release history and rejected challengers."""

from collections.abc import Callable

import streamlit as st

from serving.api.model_schemas import ModelDetails, ModelInfo
from serving.client import Client
from serving.webapp.components import cards, headings, plots, tables
from serving.webapp.components.api_access import connect, fetch_or_notice, model_or_notice
from serving.webapp.language.formats import number
from serving.webapp.language.translation import gettext, ngettext

_PAGE_HEIGHT = 800

# It comes before everything in the document, so no script of it runs, whatever it holds.
_POLICY = (
    '<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
)


def draw() -> None:
    """The page."""
    with connect() as client:
        info = model_or_notice(client, _title)
        if info is None:
            return
        details = fetch_or_notice("details", info.version, lambda: client.details(info.version))
        if details is not None:
            _evaluation(details)
        _data(client, info)
        _provenance(client, info)
        _releases(client, info, details)


def _title(info: ModelInfo | None) -> str:
    if info is None:
        about = gettext("Evaluation, data and releases of the live model.")
    else:
        about = gettext("Evaluation, data and releases of {version}.", version=info.version)
    return headings.title(gettext("Model"), about)


def _evaluation(details: ModelDetails) -> None:
    tested = ngettext(
        "How good it is on {photos} test photo that it was not trained on.",
        "How good it is on {photos} test photos that it was not trained on.",
        details.test_photos,
        photos=number(details.test_photos),
    )
    headings.section(gettext("Evaluation"), tested)
    st.html(cards.figure_card(cards.evaluation_figures(details)))
    headings.subsection(gettext("Recall and precision"), gettext("How it does on each class."))
    st.html(tables.class_table(details))
    headings.subsection(
        gettext("Confusion matrix"),
        gettext("What it takes for what: test photos by given and predicted label."),
    )
    st.html(tables.confusion_table(details))
    if details.reliability:
        _reliability(details)


def _reliability(details: ModelDetails) -> None:
    headings.subsection(
        gettext("Reliability"),
        gettext(
            "Whether it is as often right as it is confident: on the dashed line, accuracy equals "
            "confidence. Vertical lines are 95% confidence intervals."
        ),
    )
    chart = gettext("Reliability diagram: accuracy by confidence; the table below has the values")
    st.altair_chart(plots.reliability(details.reliability), alt=chart)
    with st.expander(gettext("Values as a table")):
        st.html(tables.reliability_table(details))


def _data(client: Client, info: ModelInfo) -> None:
    headings.section(
        gettext("Data"),
        gettext("Photos by class and split; none of the test photos was used in training."),
    )
    st.html(tables.counts_table(info.counts))
    version = info.version
    _show_page(
        gettext("Show the data report"),
        f"data-report-{version}.html",
        lambda: client.report_page(version),
    )


def _provenance(client: Client, info: ModelInfo) -> None:
    headings.section(
        gettext("Provenance"), gettext("Where the model comes from, and who released it.")
    )
    st.html(tables.provenance(info))
    version = info.version
    _show_page(
        gettext("Show the model card"),
        f"model-card-{version}.html",
        lambda: client.card_page(version),
    )


def _show_page(label: str, name: str, fetch: Callable[[], str]) -> None:
    """A document of its own, on request, to read here or to keep."""
    if not st.toggle(label):
        return
    page = fetch_or_notice(name.partition("-")[0], name, fetch)
    if page is not None:
        st.iframe(_POLICY + page, height=_PAGE_HEIGHT, alt=label)
        st.download_button(gettext("Save this page"), page, file_name=name, mime="text/html")


def _releases(client: Client, info: ModelInfo, details: ModelDetails | None) -> None:
    if details is not None and details.champion is not None:
        headings.section(
            gettext("Comparison with the champion"),
            gettext("Champion: the model that was live when this one was evaluated."),
        )
        st.html(tables.comparison_table(details, details.champion))
    release = info.release.number
    headings.section(
        gettext("Release history"), gettext("Which model went live when, and who decided why.")
    )
    history = fetch_or_notice("history", release, client.history)
    if history is not None:
        st.html(tables.history_table(history))
    refusals = fetch_or_notice("refusals", release, client.refusals)
    if refusals is not None and refusals.refused:
        headings.section(
            gettext("Rejected challengers"),
            gettext("Models that the gate did not release, and why."),
        )
        st.html(tables.refusals_table(refusals))
