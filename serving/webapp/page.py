"""The page to try a photo on: `streamlit run serving/webapp/page.py`.

DANDELION_API_URL says where the API is (default: http://127.0.0.1:8000), DANDELION_API_KEY is
one of its keys if it asks for one. The key stays on the server's side of the page.
"""

import io
import os

import streamlit as st
from PIL import Image, ImageOps

from serving.client import Client, ClientError
from serving.schemas import ModelInfo
from serving.webapp import cards, words
from serving.webapp.artwork import dandelion
from serving.webapp.style import STYLE

_ENDINGS = ["jpg", "jpeg", "png", "webp", "gif", "bmp"]
_PREVIEW_PIXELS = 900


def main() -> None:
    """Draw the page."""
    st.set_page_config(page_title="What is in this photo?", page_icon=dandelion(64))
    st.html(STYLE)
    url = os.environ.get("DANDELION_API_URL") or "http://127.0.0.1:8000"
    with Client(url, os.environ.get("DANDELION_API_KEY")) as client:
        info = _model_or_notice(client)
        uploaded = st.file_uploader("Your photo", type=_ENDINGS)
        if uploaded is not None and info is not None:
            _answer(client, uploaded.getvalue(), uploaded.name)
    if info is not None:
        _about(info)


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


def _answer(client: Client, data: bytes, name: str) -> None:
    try:
        with st.spinner("Looking at the photo …"):
            prediction = client.predict(data, name)
    except ClientError as error:
        st.html(cards.notice(words.explain(error)))
        return
    left, right = st.columns(2, gap="medium")
    left.image(_preview(data), width="stretch", alt="The photo that you sent")
    right.html(cards.answer(prediction))


def _about(info: ModelInfo) -> None:
    st.subheader("About this model", anchor=False)
    st.html(cards.facts(info))
    with st.expander("What it was made from"):
        st.html(cards.counts_table(info))
        st.html(cards.origins(info))


def _preview(data: bytes) -> Image.Image:
    """A small upright copy. The API has accepted these bytes, so they can be decoded."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.draft("RGB", (_PREVIEW_PIXELS, _PREVIEW_PIXELS))
        image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):  # 16-bit grey
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image.thumbnail((_PREVIEW_PIXELS, _PREVIEW_PIXELS))
    return image


if __name__ == "__main__":
    main()
