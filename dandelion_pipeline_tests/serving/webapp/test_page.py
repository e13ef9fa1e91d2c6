import io
from html import escape

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from dandelion_pipeline.images.decoding.decode import decode
from dandelion_pipeline.images.sample.photos import is_sample
from dandelion_pipeline.release.manifest import DataSummary
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import (
    GREEN,
    SAMPLE,
    YELLOW,
    calibration,
    knows_its_photos,
    metrics,
    onnx_graph,
    photo,
    publish,
)
from dandelion_pipeline_tests.images.encoded import encode
from dandelion_pipeline_tests.servers.processes import free_port
from dandelion_pipeline_tests.serving.conftest import StartApi, wait_until
from dandelion_pipeline_tests.serving.webapp.conftest import (
    OpenPage,
    fine,
    html,
    upload,
)
from serving.inference.batching import Batcher, Busy
from serving.webapp import predictions
from serving.webapp.components.pictures import preview
from serving.webapp.examples import all_examples


def test_a_photo_gets_its_label_percentages_and_the_version(
    api: httpx.Client, open_page: OpenPage
) -> None:
    expected = api.post("/predict", files={"file": photo(YELLOW)}).json()
    page = open_page(api)
    shown = upload(page, photo(YELLOW))
    assert '<p class="dd-label">dandelion</p>' in shown
    assert f"Confidence: {expected['confidence']:.1%}" in shown
    for label, share in expected["probabilities"].items():
        assert f"<span>{label}</span><span>{share:.1%}</span>" in shown
    assert '<span class="dd-version">first</span>' in shown
    assert len(page.image) == 1
    assert '<p class="dd-label">grass</p>' in upload(page, photo(GREEN))


def test_the_page_says_how_good_the_model_is(api: httpx.Client, open_page: OpenPage) -> None:
    shown = html(open_page(api))
    assert "dandelion or grass" in shown
    assert "95.0%" in shown
    assert "share of 60 test photos that it got right" in shown
    assert "<dt>Training photos</dt><dd>200</dd>" in shown
    assert "Sample model" not in shown


def test_a_sample_says_so_and_how_to_train_on_real_photos(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "sample", data=SAMPLE)
    shown = html(open_page(start_api()))
    assert "Sample model" in shown
    assert "make run IMAGES=" in shown
    assert "generated test photos" in shown


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is empty"),
        (b"just text", "This file is not a readable photo"),
        (photo()[:-300], "This photo is damaged"),
        (b"\xff" * 20_100_000, "20 MB is the limit"),
        (photo(size=5001, format="PNG"), "A JPEG may have 200 megapixels"),
    ],
)
def test_a_refused_photo_is_explained_and_not_shown(
    api: httpx.Client, open_page: OpenPage, data: bytes, words: str
) -> None:
    page = open_page(api)
    shown = upload(page, data)
    assert words in shown
    assert 'role="alert"' in shown
    assert "dd-label" not in shown.split("</style>")[1]
    assert not page.image


def test_without_a_model_the_page_says_how_to_publish_one_and_finds_it_later(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    api = start_api()
    page = open_page(api)
    assert "No model is live" in html(page)
    assert "make run" in html(page)
    publish(store, "first")
    wait_until(lambda: api.get("/readyz").is_success)
    page.button[0].click()
    assert "dandelion or grass" in html(fine(page.run()))


def test_when_the_api_is_away_the_page_says_where_it_looked(open_page: OpenPage) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    shown = html(open_page(httpx.Client(base_url=address)))
    assert "The API does not answer" in shown
    assert address in shown
    assert "make up" in shown


def test_the_page_uses_its_key_and_says_when_it_has_none(
    store: Store, start_api: StartApi, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "first")
    api = start_api(api_keys=(SecretStr("a-key"),))
    assert "DANDELION_API_KEY" in html(open_page(api))
    monkeypatch.setenv("DANDELION_API_KEY", "a-key")
    shown = html(open_page(api))
    assert "dandelion or grass" in shown
    assert "a-key" not in shown


def test_a_newer_model_that_cannot_be_loaded_is_mentioned(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "first")
    api = start_api()
    publish(store, "broken", b"no graph")
    wait_until(lambda: not api.get("/readyz").json()["current"])
    shown = html(open_page(api))
    assert "This model may be outdated" in shown
    assert "model broken" in shown


def test_names_from_outside_are_never_markup(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    classes = ["<script>alert(1)</script>", "<b>**bold**</b> :smile:"]
    counts = {label: {"<i>train</i>": 1} for label in classes}
    data = DataSummary(hash="<u>h</u>", is_sample=False, counts=counts)
    publish(store, "v", onnx_graph(), classes=classes, data=data, architecture="<a href=x>")
    page = open_page(start_api())
    shown = upload(page, photo(), name="<img src=x onerror=alert(1)>.jpg")
    for text in [*classes, "<i>train</i>", "<u>h</u>", "<a href=x>"]:
        assert text not in shown
        assert escape(text) in shown
    assert "onerror" not in shown
    assert not [m.value for m in page.markdown if "alert" in m.value]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "I;16", "1"])
def test_every_kind_of_photo_can_be_shown_beside_its_answer(
    api: httpx.Client, open_page: OpenPage, mode: str
) -> None:
    target = io.BytesIO()
    Image.new(mode, (1600, 40)).save(target, "JPEG" if mode == "CMYK" else "PNG")
    page = open_page(api)
    assert "Confidence: " in upload(page, target.getvalue())
    assert len(page.image) == 1


def test_a_photo_that_lies_on_its_side_is_shown_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # Exif 2.32: turn by 90 degrees to show
    target = io.BytesIO()
    Image.new("RGB", (200, 100)).save(target, "JPEG", exif=exif)
    assert preview(target.getvalue(), 900).size == (100, 200)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "TIFF"])
def test_photos_of_phones_and_scanners_can_be_shown(kind: str) -> None:
    assert preview(encode(Image.new("RGB", (200, 100), "red"), kind), 100).size == (100, 50)


def test_what_the_model_looked_at_is_shown_on_request(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "first")
    api = start_api()
    page = open_page(api)
    assert "Red parts speak for" not in upload(page, photo((95, 120, 50)))
    page.toggle[0].set_value(True)
    shown = html(fine(page.run()))
    assert "Red parts speak for grass" in shown
    assert len(page.image) == 1
    fine(page.run())
    counted = 'dandelion_request_seconds_count{method="POST",route="/explain",status="200"} 1.0'
    assert counted in api.get("/metrics").text


def _click(page: AppTest, label: str) -> str:
    next(button for button in page.button if button.label == label).click()
    return html(fine(page.run()))


def test_an_example_is_answered_when_it_is_picked_and_makes_room_for_a_photo(
    api: httpx.Client, open_page: OpenPage
) -> None:
    page = open_page(api)
    assert 'class="dd-label' not in html(page)
    assert 'class="dd-label' in _click(page, "Picture 2")
    assert len(page.image) == 6  # the five to pick from, and the one that was picked
    assert '<p class="dd-label">dandelion</p>' in upload(page, photo(YELLOW))
    assert len(page.image) == 1


def test_examples_are_offered_to_a_model_of_their_classes_alone(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "first", classes=["cat", "dog"])
    page = open_page(start_api())
    assert not [button for button in page.button if button.label.startswith("Picture")]


def test_every_example_is_a_generated_picture() -> None:
    for data in all_examples().values():
        assert is_sample(decode(data))


def test_below_the_confidence_threshold_of_the_model_a_prediction_is_uncertain(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    measured = calibration((0.6, 0.5), (0.999, 0.9), (1.0, 1.0))
    publish(store, "first", metrics=metrics(calibration=measured))
    page = open_page(start_api())
    shown = upload(page, photo((104, 120, 40)))  # neither yellow nor green
    assert ">Uncertain</p>" in shown
    assert "Most likely dandelion" in shown
    assert "fewer than 80% of such test photos" in shown
    assert '<p class="dd-label">dandelion</p>' in upload(page, photo(YELLOW))


def test_a_photo_unlike_those_of_training_is_another_kind_of_photo(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "first", **knows_its_photos())
    page = open_page(start_api())
    shown = upload(page, photo((30, 40, 230)))
    assert ">Another kind of photo</p>" in shown
    assert "dd-percent" not in shown.split("</style>")[1]
    assert '<p class="dd-label">dandelion</p>' in upload(page, photo(YELLOW))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_speaks_the_language_that_is_chosen(
    api: httpx.Client, open_page: OpenPage, language: str
) -> None:
    page = open_page(api)
    page.segmented_control[0].set_value(language)
    shown = upload(fine(page.run()), photo(YELLOW))
    for text in ("Prédiction", "Que montre cette photo\u202f?", "dandelion ou grass"):
        assert (text in shown) == (language == "fr")
    assert page.toggle[0].label.startswith("Carte d\u2019occlusion") == (language == "fr")


def test_a_busy_api_is_asked_again_and_then_said_to_be_busy(
    store: Store, start_api: StartApi, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, "first")
    api = start_api()
    paused: list[float] = []
    free_after = 2

    def check_capacity(*_: object, **__: object) -> None:
        if len(paused) < free_after:
            raise Busy(1.0)

    monkeypatch.setattr(Batcher, "check_capacity", check_capacity)
    monkeypatch.setattr(predictions, "sleep", paused.append)
    page = open_page(api)
    assert '<p class="dd-label">dandelion</p>' in upload(page, photo(YELLOW))
    assert paused == [1, 1]
    free_after = 99
    shown = upload(page, photo(GREEN))
    assert "The API is busy" in shown
    assert len(paused) == 2 + predictions.ATTEMPTS - 1
