"""The web app: `streamlit run serving/webapp/page.py`.

See `connection` for the environment variables that it reads.
"""

import streamlit as st

from serving.webapp.components.artwork import dandelion
from serving.webapp.components.style import STYLE
from serving.webapp.language.choice import ENGLISH, LANGUAGES, say, speak
from serving.webapp.views import live, model, try_it

_LANGUAGE = "language"


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config(page_title="What is in this photo?", page_icon=dandelion(64))
    st.html(STYLE)
    speak(_language())
    chosen = st.navigation(
        [
            st.Page(try_it.draw, title=say("Try it"), url_path="try", default=True),
            st.Page(model.draw, title=say("The model"), url_path="model"),
            st.Page(live.draw, title=say("Live"), url_path="live"),
        ],
        position="top",
    )
    chosen.run()
    st.segmented_control(
        "Language / Langue",
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        default=_language(),
        key=_LANGUAGE,
        required=True,
        persist_state="session",
    )


def _language() -> str:
    """What the visitor chose, else what the browser asks for, else English."""
    chosen = st.session_state.get(_LANGUAGE) or (st.context.locale or "").partition("-")[0]
    return chosen if chosen in LANGUAGES else ENGLISH


if __name__ == "__main__":
    main()
