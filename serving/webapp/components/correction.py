"""Right or wrong? What a visitor says goes to the API, and with consent the photo goes along."""

from collections.abc import Sequence

import streamlit as st

from serving.api.schemas import Prediction
from serving.client import Client, ClientError
from serving.webapp.answers import Photo
from serving.webapp.components import cards
from serving.webapp.language import words
from serving.webapp.language.choice import say

_SAID = "said"


def offer_correction(
    client: Client, classes: Sequence[str], prediction: Prediction, photo: Photo
) -> None:
    """A form below an answer; once it was sent, the thanks in its place.

    Args:
        client: the API.
        classes: what the photo may show.
        prediction: the answer that it is about.
        photo: what was answered.
    """
    name = prediction.prediction_id
    said: dict[str, words.Words] = st.session_state.setdefault(_SAID, {})
    if name not in said:
        place = st.empty()
        with place.form(f"correction {name}"):
            label = st.selectbox(
                say("What does the photo show?"), classes, index=classes.index(prediction.label)
            )
            consent = st.checkbox(
                say("I may give this photo away, and the model may learn from it"),
                help=say("Else only your answer is kept, and the photo is not."),
            )
            sent = st.form_submit_button(say("Send my answer"))
        if not sent:
            return
        try:
            receipt = client.feedback(name, label, photo=photo.data if consent else None)
        except ClientError as error:
            st.html(cards.notice(words.explain(error)))
            return
        place.empty()
        said[name] = words.thanks(label, learned_from=receipt.learned_from)
    st.html(cards.notice(said[name]))
