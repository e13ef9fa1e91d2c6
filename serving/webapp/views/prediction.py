"""Prediction: photos in, predictions out, and feedback back."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from serving.api.model_schemas import ModelInfo
from serving.api.schemas import Prediction
from serving.client import Client
from serving.webapp import examples
from serving.webapp.components import batch, cards, headings, tables
from serving.webapp.components.api_access import connect, fetch_or_notice, model_or_notice
from serving.webapp.components.feedback import offer_feedback
from serving.webapp.components.pictures import heated, preview
from serving.webapp.language import notices
from serving.webapp.language.translation import gettext
from serving.webapp.predictions import Photo, predict, seconds_taken

_ENDINGS = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "heic", "heif", "avif", "tif", "tiff"]
_PREVIEW_PIXELS = 900


def draw() -> None:
    """The page."""
    with connect() as client:
        info = model_or_notice(client, _title)
        photos = _photos(info)
        if info is None:
            return
        if len(photos) == 1:
            _prediction(client, info, photos[0])
        elif photos:
            batch.show(photos, predict(client, photos, info.version), info.unsure_below)
        _summary(info)


def _title(info: ModelInfo | None) -> str:
    """With the classes of the model, once it is known."""
    question = gettext("What is in this photo? Drop one photo or many.")
    if info is None:
        return headings.title(gettext("Image classification"), question)
    classes = gettext("Classes: {classes}.", classes=cards.enumerate_classes(info.classes))
    return headings.title(gettext("Image classification"), f"{question} {classes}")


def _photos(info: ModelInfo | None) -> list[Photo]:
    """What the visitor chose: files, else a picture of the camera, else an example."""
    files = st.file_uploader(gettext("Photos"), type=_ENDINGS, accept_multiple_files=True)
    if files:
        return [Photo.of(file.name, file.getvalue()) for file in files]
    if st.toggle(gettext("Use the camera")):
        taken = st.camera_input(gettext("Take a picture"))
        return [Photo.of("camera.jpg", taken.getvalue())] if taken else []
    example = examples.choose(info.classes) if info else None
    return [Photo.of(*example)] if example else []


def _prediction(client: Client, info: ModelInfo, photo: Photo) -> None:
    (outcome,) = predict(client, [photo], info.version)
    if not isinstance(outcome, Prediction):
        st.html(cards.notice(outcome))
        return
    left, right = st.columns(2, gap="medium")
    image = preview(photo.data, _PREVIEW_PIXELS)
    explained = st.toggle(gettext("Occlusion map: show what the model looked at"))
    compared = info.neighbours > 0 and st.toggle(
        gettext("Nearest neighbours: show which training photos it resembles most")
    )
    place = left.empty()
    place.image(image, width="stretch", alt=gettext("The photo that you sent"))
    right.html(cards.prediction_card(outcome, info.unsure_below, seconds_taken()))
    if explained:
        _explain(client, outcome, photo, place)
    if compared:
        _compare(client, outcome, photo)
    offer_feedback(client, info.classes, outcome, photo)


def _explain(client: Client, prediction: Prediction, photo: Photo, place: DeltaGenerator) -> None:
    """Put the occlusion map in place of the photo."""
    with st.spinner(gettext("Hiding one part of the photo after another …")):
        explanation = fetch_or_notice(
            "explanation",
            prediction.prediction_id,
            lambda: client.explain(photo.data, photo.name, prediction.label),
        )
    if explanation is None:
        return
    caption = notices.occlusion(explanation)
    image = heated(preview(photo.data, _PREVIEW_PIXELS), explanation)
    sent = gettext("The photo that you sent")
    with place.container():
        st.image(image, width="stretch", alt=f"{sent}. {caption}")
        st.html(cards.caption(caption))


def _compare(client: Client, prediction: Prediction, photo: Photo) -> None:
    """The training photos that are nearest to the photo, in a table."""
    similar = fetch_or_notice(
        "similar", prediction.prediction_id, lambda: client.similar(photo.data, photo.name)
    )
    if similar is None:
        return
    about = gettext("The training photos that it resembles most, by what the model sees in them.")
    headings.subsection(gettext("Nearest neighbours"), about)
    st.html(tables.similar_table(similar))
    st.html(cards.caption(notices.neighbours(similar, prediction.label)))


def _summary(info: ModelInfo) -> None:
    headings.section(gettext("Live model"), gettext("The model that makes these predictions."))
    st.html(cards.figure_card(cards.summary_figures(info)))
    with st.expander(gettext("Data and provenance")):
        st.html(tables.counts_table(info.counts))
        st.html(tables.provenance(info))
