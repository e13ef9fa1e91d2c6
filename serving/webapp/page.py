"""The page to try a photo on: `streamlit run serving/webapp/page.py`.

DANDELION_API_URL says where the API is (default: http://127.0.0.1:8000), DANDELION_API_KEY is
one of its keys if it asks for one. The key stays on the server's side of the page.
"""

import os

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from serving.client import Client, ClientError
from serving.schemas import Explanation, ModelInfo, Prediction, ReleaseHistory
from serving.webapp import cards, many, words
from serving.webapp.answers import Photo, ask
from serving.webapp.artwork import dandelion
from serving.webapp.correction import offer_correction
from serving.webapp.pictures import heated, preview
from serving.webapp.style import STYLE

_ENDINGS = ["jpg", "jpeg", "png", "webp", "gif", "bmp"]
_PREVIEW_PIXELS = 900
_HISTORY = "history"
_EXPLAINED = "explained"


def main() -> None:
    """Draw the page."""
    st.set_page_config(page_title="What is in this photo?", page_icon=dandelion(64))
    st.html(STYLE)
    url = os.environ.get("DANDELION_API_URL") or "http://127.0.0.1:8000"
    with Client(url, os.environ.get("DANDELION_API_KEY")) as client:
        info = _model_or_notice(client)
        files = st.file_uploader("Your photos", type=_ENDINGS, accept_multiple_files=True)
        photos = [Photo.of(file.name, file.getvalue()) for file in files]
        if info is not None:
            if len(photos) == 1:
                _answer(client, info, photos[0])
            elif photos:
                many.show(photos, ask(client, photos, info.version))
            _about(client, info)


def _model_or_notice(client: Client) -> ModelInfo | None:
    """The heading, and below it whatever a visitor should know of the model first."""
    try:
        info = client.model()
    except ClientError as error:
        st.html(cards.heading([]))
        st.html(cards.notice(words.explain(error)))
        st.button("Try again")  # any click draws the page anew
        return None
    st.html(cards.heading(info.classes))
    if info.is_sample:
        st.html(cards.notice(words.SAMPLE))
    if info.trouble:
        st.html(cards.notice(words.outdated(info.trouble)))
    return info


def _answer(client: Client, info: ModelInfo, photo: Photo) -> None:
    (outcome,) = ask(client, [photo], info.version)
    if not isinstance(outcome, Prediction):
        st.html(cards.notice(outcome))
        return
    left, right = st.columns(2, gap="medium")
    image = preview(photo.data, _PREVIEW_PIXELS)
    shown, place = st.toggle("Show what the model looked at"), left.empty()
    place.image(image, width="stretch", alt="The photo that you sent")
    right.html(cards.answer(outcome))
    if shown:
        _explain(client, outcome, photo, place)
    offer_correction(client, info.classes, outcome, photo)


def _explain(client: Client, answer: Prediction, photo: Photo, place: DeltaGenerator) -> None:
    """Put what the model looked at in place of the photo."""
    kept: dict[str, Explanation] = st.session_state.get(_EXPLAINED, {})
    if answer.prediction_id not in kept:
        try:
            with st.spinner("Hiding one part of the photo after another …"):
                found = client.explain(photo.data, photo.name, answer.label)
        except ClientError as error:
            st.html(cards.notice(words.explain(error)))
            return
        kept = {answer.prediction_id: found}
        st.session_state[_EXPLAINED] = kept
    found = kept[answer.prediction_id]
    caption = words.looked_at(found)
    image = heated(preview(photo.data, _PREVIEW_PIXELS), found)
    with place.container():
        st.image(image, width="stretch", alt=f"The photo that you sent. {caption}")
        st.html(cards.caption(caption))


def _about(client: Client, info: ModelInfo) -> None:
    st.header("About this model", anchor=False)
    st.html(cards.facts(info))
    with st.expander("What it was made from"):
        st.html(cards.counts_table(info))
        st.html(cards.origins(info))
    with st.expander("What was live before"):
        try:
            st.html(cards.history_table(_history(client, info)))
        except ClientError as error:
            st.html(cards.notice(words.explain(error)))


def _history(client: Client, info: ModelInfo) -> ReleaseHistory:
    """The release log as of the release that answers: it is asked for once, not at each click."""
    kept: dict[int, ReleaseHistory] = st.session_state.get(_HISTORY, {})
    number = info.release.number
    if number not in kept:
        kept = {number: client.history()}
        st.session_state[_HISTORY] = kept
    return kept[number]


if __name__ == "__main__":
    main()
