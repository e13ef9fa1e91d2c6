"""The page lists the training photos that a photo resembles most, if the model knows any."""

import httpx

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import GREEN, knows_its_photos, photo, publish
from dandelion_pipeline_tests.serving.conftest import StartApi
from dandelion_pipeline_tests.serving.webapp.conftest import OpenPage, fine, html, upload


def test_the_training_photos_that_it_resembles_most_are_listed_on_request(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "first", **knows_its_photos())
    api = start_api()
    page = open_page(api)
    assert "Photo ID" not in upload(page, photo(GREEN))
    page.toggle[1].set_value(True)
    shown = html(fine(page.run()))
    rows = shown.split('<th scope="row">')[1:5]
    assert [row[: row.index("<")] for row in rows] == ["grass", "grass", "dandelion", "dandelion"]
    assert "<td>1.00</td><td>c3c3c3c3c3c3</td>" in rows[0]
    assert "4 training photos were compared. 2 of the 4 nearest have the predicted class." in shown
    fine(page.run())
    counted = 'dandelion_request_seconds_count{method="POST",route="/similar",status="200"} 1.0'
    assert counted in api.get("/metrics").text


def test_a_model_of_before_offers_no_training_photos(
    api: httpx.Client, open_page: OpenPage
) -> None:
    page = open_page(api)
    upload(page, photo(GREEN))
    assert len([one for one in page.toggle if one.label.startswith("Nearest")]) == 0
