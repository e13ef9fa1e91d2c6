"""The page as a browser has it: the real API, the real page, and Debian's Chromium."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from playwright.sync_api import Dialog, Page, Request, expect

from dandelion_pipeline.defs.assets.ingest import raw_images
from dandelion_pipeline.defs.io_managers import TableIOManager
from dandelion_pipeline.defs.resources import StoreResource
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.records.tables import read_table
from dandelion_pipeline_tests.browsers.browser import (
    chromium_page,
    drop_photo,
    drop_photos,
    needs_chromium,
    wait_until_drawn,
)
from dandelion_pipeline_tests.data.days import instance_of
from dandelion_pipeline_tests.data.tiny_models import GREEN, YELLOW, photo, publish
from dandelion_pipeline_tests.serving.webapp.conftest import WebApp
from serving.client import Client

pytestmark = [pytest.mark.e2e, needs_chromium]


def test_the_page_shows_what_the_api_answers_and_speaks_to_nobody_else(
    webapp: WebApp, browser_page: Page
) -> None:
    strangers: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((webapp.url, "data:", "blob:")):
            strangers.append(request.url)

    browser_page.on("request", note)
    browser_page.goto(webapp.url)
    with Client(webapp.api_url) as client:
        for colour in (YELLOW, GREEN):
            drop_photo(browser_page, photo(colour), "<i>photo</i>.jpg")
            answer = client.predict(photo(colour), "photo.jpg")
            expect(browser_page.locator(".dd-label")).to_have_text(answer.label)
            expect(browser_page.locator(".dd-percent")).to_have_text(
                f"Confidence: {answer.confidence:.1%}"
            )
            expect(browser_page.locator(".dd-version")).to_have_text(answer.model.version)
            expect(browser_page.get_by_alt_text("The photo that you sent")).to_be_visible()
    wait_until_drawn(browser_page)
    browser_page.get_by_role("button", name="Send feedback").click()
    expect(browser_page.get_by_role("status")).to_contain_text("Thank you")
    drop_photos(browser_page, {f"{n}.jpg": photo((60, 130 + n, 50)) for n in range(7)})
    expect(browser_page.get_by_text("8", exact=True).first).to_be_visible()
    expect(browser_page.get_by_role("button", name="Save as CSV")).to_be_visible()
    browser_page.reload()
    drop_photo(browser_page, b"no photo")
    expect(browser_page.get_by_role("alert")).to_contain_text("not a readable photo")
    expect(browser_page.get_by_text("Deploy")).to_have_count(0)
    assert strangers == []


def test_a_model_that_goes_live_while_the_page_is_open_answers_the_next_photo(
    webapp: WebApp, browser_page: Page
) -> None:
    browser_page.goto(webapp.url)
    drop_photo(browser_page, photo(YELLOW))
    version = browser_page.locator(".dd-version")
    expect(version).to_be_visible()
    publish(webapp.store, "second")
    with Client(webapp.api_url) as client:
        while client.ready().version != "second":
            browser_page.wait_for_timeout(50)
    wait_until_drawn(browser_page)
    browser_page.get_by_text("Occlusion map").click()  # any click draws anew
    expect(version).to_have_text("second")


def test_a_corrected_photo_lands_and_is_in_the_next_raw_images(webapp: WebApp) -> None:
    with chromium_page() as page:
        page.goto(webapp.url)
        drop_photo(page, photo((200, 190, 40)), "lawn.jpg")
        page.locator(".dd-percent").wait_for()
        wait_until_drawn(page)
        page.get_by_role("combobox", name="Feedback: what does the photo show?").click()
        page.get_by_role("option", name="grass").click()
        page.get_by_text("I may share this photo").click()
        page.get_by_role("button", name="Send feedback").click()
        expect(page.get_by_role("status")).to_contain_text("labelled grass")
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    (landed,) = webapp.store.list_objects(layout.landing_day(today))
    assert "/grass/feedback-" in landed.key
    resource = StoreResource(url=webapp.store.url)
    resources = {"store": resource, "tables": TableIOManager(store=resource)}
    with instance_of(today) as instance:
        assert dg.materialize(
            [raw_images], partition_key=today, instance=instance, resources=resources
        ).success
    (row,) = read_table(webapp.store, layout.table("raw_images", today)).to_pylist()
    assert (row["key"], row["label"], row["status"]) == (landed.key, "grass", "accepted")


def test_the_camera_takes_a_picture_and_it_is_answered(webapp: WebApp, camera_page: Page) -> None:
    camera_page.goto(webapp.url)
    wait_until_drawn(camera_page)
    camera_page.get_by_text("Use the camera").click()
    camera_page.wait_for_function("document.querySelector('video')?.currentTime > 0")
    wait_until_drawn(camera_page)
    camera_page.get_by_role("button", name="Take Photo").click()
    expect(camera_page.locator(".dd-percent")).to_be_visible(timeout=15_000)


def test_an_example_is_answered_at_a_click(webapp: WebApp, browser_page: Page) -> None:
    browser_page.goto(webapp.url)
    wait_until_drawn(browser_page)
    browser_page.get_by_role("button", name="Picture 3").click()
    expect(browser_page.locator(".dd-percent")).to_be_visible()


def test_when_the_api_goes_away_and_comes_back_so_does_the_page(
    own_webapp: WebApp, browser_page: Page
) -> None:
    with own_webapp.page():
        with own_webapp.api():
            browser_page.goto(own_webapp.url)
            drop_photo(browser_page, photo(YELLOW))
            expect(browser_page.locator(".dd-label")).to_have_text("dandelion")
        wait_until_drawn(browser_page)
        browser_page.get_by_text("Occlusion map").click()
        expect(browser_page.get_by_role("alert")).to_contain_text("The API does not answer")
        expect(browser_page.get_by_role("alert")).to_contain_text(own_webapp.api_url)
        with own_webapp.api():
            wait_until_drawn(browser_page)
            browser_page.get_by_role("button", name="Try again").click()
            expect(browser_page.locator(".dd-label")).to_have_text("dandelion")


def test_hostile_files_get_a_clear_word_each_and_nothing_breaks(
    webapp: WebApp, browser_page: Page
) -> None:
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    browser_page.on("dialog", note)
    browser_page.goto(webapp.url)
    alert = browser_page.get_by_role("alert")
    for data, words in (
        (b"", "This file is empty"),
        (photo(size=5001, format="PNG"), "A JPEG may have 200 megapixels"),
        (photo()[:-300], "This photo is damaged"),
    ):
        drop_photo(browser_page, data)
        expect(alert).to_contain_text(words, timeout=15_000)
    name = "<img src=x onerror=alert(1)>=cmd()|' /../../etc/passwd\u202egpj.jpg"
    drop_photo(browser_page, photo(YELLOW), name)
    expect(browser_page.locator(".dd-label")).to_have_text("dandelion")
    drop_photos(browser_page, {f"{n}.jpg": photo((240, 100 + n, 40)) for n in range(65)})
    summary = browser_page.locator(".dd-facts").first
    expect(summary).to_contain_text("66", timeout=30_000)
    expect(browser_page.get_by_role("button", name="Save as CSV")).to_be_visible()
    assert dialogs == []


def test_every_page_can_be_reached_and_shows_its_content(
    webapp: WebApp, browser_page: Page
) -> None:
    browser_page.goto(webapp.url)
    wait_until_drawn(browser_page)
    browser_page.get_by_role("link", name="Model").click()
    expect(browser_page.get_by_role("heading", name="Confusion matrix")).to_be_visible()
    expect(browser_page.get_by_role("columnheader", name="predicted grass")).to_be_visible()
    wait_until_drawn(browser_page)
    browser_page.get_by_role("link", name="Monitoring").click()
    with Client(webapp.api_url) as client:
        client.predict(photo(YELLOW), "a.jpg")
    expect(browser_page.get_by_test_id("stVegaLiteChart").first).to_be_visible(timeout=30_000)
    expect(browser_page.get_by_text("since the API started").first).to_be_visible()
    wait_until_drawn(browser_page)
    language = browser_page.get_by_role("radio", name="Français")
    choice, title = (
        place.bounding_box() for place in (language, browser_page.get_by_role("heading", level=1))
    )
    assert choice is not None
    assert title is not None
    assert choice["y"] + choice["height"] <= title["y"]  # at the top, where people look for it
    language.click()
    expect(browser_page.get_by_role("heading", name="Supervision")).to_be_visible()
    wait_until_drawn(browser_page)
    browser_page.get_by_role("link", name="Prédiction").click()
    expect(browser_page.get_by_role("heading", name="Classification d\u2019images")).to_be_visible()


def test_a_french_browser_is_spoken_to_in_french(webapp: WebApp, french_page: Page) -> None:
    french_page.goto(webapp.url)
    drop_photo(french_page, photo(YELLOW))
    expect(french_page.get_by_text("Confiance")).to_be_visible()
