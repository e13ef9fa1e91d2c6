"""Headings: the field's term first, and under it what it means in plain words."""

from html import escape

import streamlit as st

from serving.webapp.components.artwork import dandelion_url

_FLOWER = f'<img src="{dandelion_url(76)}" alt="" width="76">'


def title(term: str, explanation: str) -> str:
    """The top of a page, as HTML."""
    return (
        f'<header class="dd-head">{_FLOWER}<div><h1>{escape(term)}</h1>'
        f"<p>{escape(explanation)}</p></div></header>"
    )


def section(term: str, explanation: str) -> None:
    """Begin a section of a page."""
    st.header(term, anchor=False)
    _explain(explanation)


def subsection(term: str, explanation: str) -> None:
    """Begin a part of a section."""
    st.subheader(term, anchor=False)
    _explain(explanation)


def _explain(explanation: str) -> None:
    st.html(f'<p class="dd-small dd-under">{escape(explanation)}</p>')
