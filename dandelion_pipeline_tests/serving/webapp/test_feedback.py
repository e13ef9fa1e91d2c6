"""Feedback: the visitor's label, and what becomes of the photo."""

from datetime import UTC, datetime
from pathlib import Path

from streamlit.testing.v1 import AppTest

from dandelion_pipeline.ingest.intake import ACCEPTED, take_in
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import (
    GREEN,
    YELLOW,
    photo,
    publish,
)
from dandelion_pipeline_tests.serving.conftest import StartApi
from dandelion_pipeline_tests.serving.webapp.conftest import (
    OpenPage,
    fine,
    html,
    predictions,
    upload,
)


def _send_feedback(page: AppTest, label: str, *, consent: bool) -> str:
    page.selectbox[0].set_value(label)
    page.checkbox[0].set_value(consent)
    button = next(button for button in page.button if button.label == "Send feedback")
    button.click()
    return html(fine(page.run()))


def test_a_correction_with_consent_lands_for_the_next_training(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "first")
    api = start_api()
    page = open_page(api)
    upload(page, photo(YELLOW))
    shown = _send_feedback(page, "grass", consent=True)
    assert "Thank you" in shown
    assert "labelled grass" in shown
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    (landed,) = store.list_objects(layout.LANDING)
    assert landed.key.startswith(f"landing/{today}/grass/{layout.FEEDBACK_NAME}")
    (row,) = take_in(store, today, None).table.to_pylist()
    assert (row["label"], row["status"]) == ("grass", ACCEPTED)
    assert predictions(api) == 1  # no click asked a second time
    assert not page.selectbox  # nor can the same be said twice


def test_a_correction_without_consent_keeps_no_photo(
    store: Store, start_api: StartApi, open_page: OpenPage
) -> None:
    publish(store, "first")
    page = open_page(start_api())
    upload(page, photo(GREEN))
    assert "was not stored" in _send_feedback(page, "grass", consent=False)
    assert not list(store.list_objects(layout.LANDING))
    assert len(list(store.list_objects("feedback/"))) == 1


def test_a_correction_that_the_store_does_not_take_can_be_sent_again(
    store: Store, start_api: StartApi, open_page: OpenPage, tmp_path: Path
) -> None:
    publish(store, "first")
    page = open_page(start_api())
    upload(page, photo())
    blocked = tmp_path / "store" / "feedback"
    blocked.write_bytes(b"")  # a file where a folder has to be
    assert "Thank you" not in _send_feedback(page, "grass", consent=False)
    blocked.unlink()
    assert "Thank you" in _send_feedback(page, "grass", consent=False)
