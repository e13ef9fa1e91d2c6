"""How the pages reach the API: its client, and a notice in place of what it does not answer.

DANDELION_API_URL says where it is (default: http://127.0.0.1:8000), DANDELION_API_KEY is one of its
keys if it requires one. The key stays on the server's side of the page.
"""

import os
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from serving.api.model_schemas import ModelInfo
from serving.client import Client, ClientError
from serving.webapp.components import cards
from serving.webapp.language import notices
from serving.webapp.language.translation import gettext

T = TypeVar("T")

_CACHE = "responses"


def connect() -> Client:
    """A client for one run of the page."""
    url = os.environ.get("DANDELION_API_URL") or "http://127.0.0.1:8000"
    return Client(url, os.environ.get("DANDELION_API_KEY"))


def model_or_notice(client: Client, title: Callable[[ModelInfo | None], str]) -> ModelInfo | None:
    """The title of a page, and below it whatever a visitor should know of the model first."""
    try:
        info = client.model()
    except ClientError as error:
        st.html(title(None))
        st.html(cards.notice(notices.explain(error)))
        st.button(gettext("Try again"))  # any click draws the page anew
        return None
    st.html(title(info))
    if info.is_sample:
        st.html(cards.notice(notices.sample()))
    if info.trouble:
        st.html(cards.notice(notices.outdated(info.trouble)))
    return info


def fetch_or_notice(name: str, of: object, fetch: Callable[[], T]) -> T | None:
    """A response of the API, requested once in a session for each ``of``; a notice if it fails.

    Args:
        name: what is fetched; one response of each name is cached.
        of: what it is about, such as a model's version.
        fetch: requests it.
    """
    cached: dict[str, tuple[object, T]] = st.session_state.setdefault(_CACHE, {})
    if name not in cached or cached[name][0] != of:
        try:
            cached[name] = (of, fetch())
        except ClientError as error:
            st.html(cards.notice(notices.explain(error)))
            return None
    return cached[name][1]
