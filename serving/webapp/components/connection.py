"""The API as the pages know it: its client, and a notice in place of what it does not tell.

DANDELION_API_URL says where it is (default: http://127.0.0.1:8000), DANDELION_API_KEY is one of its
keys if it asks for one. The key stays on the server's side of the page.
"""

import os
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from serving.api.schemas import ModelInfo
from serving.client import Client, ClientError
from serving.webapp.components import cards
from serving.webapp.language import words
from serving.webapp.language.choice import say

T = TypeVar("T")

_KEPT = "told"


def connect() -> Client:
    """A client for one run of the page."""
    url = os.environ.get("DANDELION_API_URL") or "http://127.0.0.1:8000"
    return Client(url, os.environ.get("DANDELION_API_KEY"))


def model_or_notice(client: Client, heading: Callable[[ModelInfo | None], str]) -> ModelInfo | None:
    """The heading of a page, and below it whatever a visitor should know of the model first."""
    try:
        info = client.model()
    except ClientError as error:
        st.html(heading(None))
        st.html(cards.notice(words.explain(error)))
        st.button(say("Try again"))  # any click draws the page anew
        return None
    st.html(heading(info))
    if info.is_sample:
        st.html(cards.notice(words.sample()))
    if info.trouble:
        st.html(cards.notice(words.outdated(info.trouble)))
    return info


def told_or_notice(name: str, of: object, ask: Callable[[], T]) -> T | None:
    """What the API tells, asked for once in a session for each ``of``; a notice if it does not.

    Args:
        name: what is told; one value of each name is kept.
        of: what it is about, such as a model's version.
        ask: asks the API.
    """
    kept: dict[str, tuple[object, T]] = st.session_state.setdefault(_KEPT, {})
    if name not in kept or kept[name][0] != of:
        try:
            kept[name] = (of, ask())
        except ClientError as error:
            st.html(cards.notice(words.explain(error)))
            return None
    return kept[name][1]
