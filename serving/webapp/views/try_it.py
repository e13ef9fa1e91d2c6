"""Try it: photos in, answers out, and corrections back."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from serving.api.schemas import ModelInfo, Prediction
from serving.client import Client
from serving.webapp import examples
from serving.webapp.answers import Photo, ask, seconds_taken
from serving.webapp.components import cards, many, tables
from serving.webapp.components.connection import connect, model_or_notice, told_or_notice
from serving.webapp.components.correction import offer_correction
from serving.webapp.components.pictures import heated, preview
from serving.webapp.language import words
from serving.webapp.language.choice import say

_ENDINGS = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "heic", "heif", "avif", "tif", "tiff"]
_PREVIEW_PIXELS = 900


def draw() -> None:
    """The page."""
    with connect() as client:
        info = model_or_notice(client, lambda told: cards.heading(told.classes if told else []))
        photos = _photos(info)
        if info is None:
            return
        if len(photos) == 1:
            _answer(client, info, photos[0])
        elif photos:
            limit = info.unsure_below
            many.show(photos, ask(client, photos, info.version), limit)
        _about(info)


def _photos(info: ModelInfo | None) -> list[Photo]:
    """What the visitor chose: files, else a picture of the camera, else an example."""
    files = st.file_uploader(say("Your photos"), type=_ENDINGS, accept_multiple_files=True)
    if files:
        return [Photo.of(file.name, file.getvalue()) for file in files]
    if st.toggle(say("Use the camera")):
        taken = st.camera_input(say("Take a picture"))
        return [Photo.of("camera.jpg", taken.getvalue())] if taken else []
    example = examples.choose(info.classes) if info else None
    return [Photo.of(*example)] if example else []


def _answer(client: Client, info: ModelInfo, photo: Photo) -> None:
    (outcome,) = ask(client, [photo], info.version)
    if not isinstance(outcome, Prediction):
        st.html(cards.notice(outcome))
        return
    left, right = st.columns(2, gap="medium")
    image = preview(photo.data, _PREVIEW_PIXELS)
    shown, place = st.toggle(say("Show what the model looked at")), left.empty()
    place.image(image, width="stretch", alt=say("The photo that you sent"))
    right.html(cards.answer(outcome, info.unsure_below, seconds_taken()))
    if shown:
        _explain(client, outcome, photo, place)
    offer_correction(client, info.classes, outcome, photo)


def _explain(client: Client, answer: Prediction, photo: Photo, place: DeltaGenerator) -> None:
    """Put what the model looked at in place of the photo."""
    with st.spinner(say("Hiding one part of the photo after another …")):
        found = told_or_notice(
            "explanation",
            answer.prediction_id,
            lambda: client.explain(photo.data, photo.name, answer.label),
        )
    if found is None:
        return
    caption = words.looked_at(found)
    image = heated(preview(photo.data, _PREVIEW_PIXELS), found)
    with place.container():
        st.image(image, width="stretch", alt=f"{say('The photo that you sent')}. {caption}")
        st.html(cards.caption(caption))


def _about(info: ModelInfo) -> None:
    st.header(say("About this model"), anchor=False)
    st.html(cards.facts(info))
    with st.expander(say("What it was made from")):
        st.html(tables.counts_table(info.counts))
        st.html(tables.origins(info))
