"""The web app: `streamlit run serving/webapp/page.py`.

See `api_access` for the environment variables that it reads.
"""

import streamlit as st

from serving.webapp.components.artwork import dandelion
from serving.webapp.components.style import STYLE
from serving.webapp.language.translation import ENGLISH, LANGUAGES, gettext, use_language
from serving.webapp.views import model, monitoring, prediction

_LANGUAGE = "language"


def main() -> None:
    """Draw the page that the address names, below the choice of language."""
    st.set_page_config(page_title="Image classification", page_icon=dandelion(64))
    st.html(STYLE)
    use_language(_language())
    page = st.navigation(
        [
            st.Page(prediction.draw, title=gettext("Prediction"), url_path="try", default=True),
            st.Page(model.draw, title=gettext("Model"), url_path="model"),
            st.Page(monitoring.draw, title=gettext("Monitoring"), url_path="live"),
        ],
        position="top",
    )
    _choose_language()
    page.run()


def _choose_language() -> None:
    """At the top of every page, where people look for it."""
    with st.container(key="dd-language", horizontal=True, horizontal_alignment="right"):
        st.segmented_control(
            "Language / Langue",
            list(LANGUAGES),
            format_func=LANGUAGES.__getitem__,
            default=_language(),
            key=_LANGUAGE,
            required=True,
            persist_state="session",
            label_visibility="collapsed",
            width="content",
        )


def _language() -> str:
    """What the visitor chose, else what the browser asks for, else English."""
    chosen = st.session_state.get(_LANGUAGE) or (st.context.locale or "").partition("-")[0]
    return chosen if chosen in LANGUAGES else ENGLISH


if __name__ == "__main__":
    main()
