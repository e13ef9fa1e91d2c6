"""Feedback: the visitor's label goes to the API, and with consent the photo goes along."""

from collections.abc import Sequence

import streamlit as st

from serving.api.schemas import Prediction
from serving.client import Client, ClientError
from serving.webapp.components import cards
from serving.webapp.language import notices
from serving.webapp.language.translation import gettext
from serving.webapp.predictions import Photo

_RECEIPTS = "feedback"


def offer_feedback(
    client: Client, classes: Sequence[str], prediction: Prediction, photo: Photo
) -> None:
    """A form below a prediction; once it was sent, the thanks in its place.

    Args:
        client: the API.
        classes: what the photo may show.
        prediction: what the feedback is about.
        photo: what was classified.
    """
    name = prediction.prediction_id
    receipts: dict[str, notices.Notice] = st.session_state.setdefault(_RECEIPTS, {})
    if name not in receipts:
        place = st.empty()
        with place.form(f"feedback {name}"):
            label = st.selectbox(
                gettext("Feedback: what does the photo show?"),
                classes,
                index=classes.index(prediction.label),
            )
            consent = st.checkbox(
                gettext("Consent: I may share this photo, and it may be used for training"),
                help=gettext("Without consent, your label is stored and the photo is not."),
            )
            sent = st.form_submit_button(gettext("Send feedback"))
        if not sent:
            return
        try:
            receipt = client.feedback(name, label, photo=photo.data if consent else None)
        except ClientError as error:
            st.html(cards.notice(notices.explain(error)))
            return
        place.empty()
        receipts[name] = notices.thanks(label, learned_from=receipt.learned_from)
    st.html(cards.notice(receipts[name]))
