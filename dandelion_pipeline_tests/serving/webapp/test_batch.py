"""Many photos at once: counted, listed, filtered, saved."""

from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import (
    GREEN,
    photo,
    publish,
)
from dandelion_pipeline_tests.serving.conftest import StartApi
from dandelion_pipeline_tests.serving.webapp.conftest import OpenPage, fine, html, predictions
from serving.api.schemas import ModelRef, Prediction
from serving.webapp.components.batch import as_csv
from serving.webapp.language.notices import Notice
from serving.webapp.predictions import Outcome, Photo


def test_many_photos_are_counted_and_listed_with_those_that_were_rejected(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "first")
    api = start_api()
    page = open_page(api)
    photos = [photo((240, 160 + 6 * n, 40)) for n in range(8)] + [
        photo(GREEN),
        b"text",
        photo(GREEN),
    ]
    files = [(f"{n}.jpg", data, "image/jpeg") for n, data in enumerate(photos)]
    page.file_uploader[0].set_value(files)
    shown = html(fine(page.run()))
    for term, figure in (("dandelion", "8"), ("grass", "2"), ("Failed", "1")):
        assert f"<dt>{term}</dt><dd>{figure}</dd>" in shown
    assert "file without a prediction<" in shown
    rows = page.dataframe[0].value
    assert list(rows["file"]) == [f"{n}.jpg" for n in range(11)]
    assert rows["problem"][9] == "This file is not a readable photo"
    page.slider[0].set_value(1)
    fine(page.run())
    assert list(page.dataframe[0].value["file"]) == [f"{n}.jpg" for n in range(11) if n != 9]
    assert predictions(api) == 9  # equal photos are asked for once, and after a click none


def test_the_table_can_be_saved_and_runs_nothing_in_a_spreadsheet() -> None:
    predicted = Prediction(
        prediction_id="1",
        label="dandelion",
        confidence=0.75,
        probabilities={"dandelion": 0.75, "grass": 0.25},
        outside=True,
        model=ModelRef(version="v", is_sample=False, data_hash="", dagster_run="", mlflow_run=""),
        request_id="2",
    )
    rows: list[tuple[Photo, Outcome]] = [
        (Photo.of("=1+1.jpg", b"1"), predicted),
        (Photo.of('a,"b".jpg', b"2"), Notice("Damaged", "")),
    ]
    assert as_csv(rows).splitlines() == [
        "file,label,confidence,sure,outside,model_version,problem",
        "'=1+1.jpg,dandelion,0.750000,true,true,v,",
        '"a,""b"".jpg",,,,,,Damaged',
    ]
