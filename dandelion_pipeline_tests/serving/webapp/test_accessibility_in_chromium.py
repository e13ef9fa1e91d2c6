"""axe-core looks at every page and every state of it, in both themes, and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from dandelion_pipeline.release.manifest import CARD_HTML
from dandelion_pipeline.storage import layout
from dandelion_pipeline_tests.browsers.browser import (
    drop_photo,
    drop_photos,
    needs_chromium,
    wait_until_drawn,
)
from dandelion_pipeline_tests.data.tiny_models import (
    GREEN,
    YELLOW,
    calibration,
    metrics,
    photo,
    publish,
)
from dandelion_pipeline_tests.serving.webapp.conftest import WebApp
from serving.client import Client

pytestmark = [pytest.mark.e2e, needs_chromium]

PAGE = b"<!DOCTYPE html><html lang=en><title>A page</title><main><h1>A page</h1></main>"


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser_page: Page) -> Page:
    """A browser that wants one of the themes."""
    browser_page.emulate_media(color_scheme=request.param)
    return browser_page


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing serious or critical, nor a heading out of order."""
    wait_until_drawn(page)
    page.wait_for_timeout(500)  # what fades in is faint meanwhile
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in {"serious", "critical"}]
    assert not grave, [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]
    assert "heading-order" not in {one["id"] for one in found}


def test_the_page_for_predictions_is_accessible(webapp: WebApp, page: Page) -> None:
    page.goto(webapp.url)
    page.get_by_role("button", name="Picture 5").wait_for()
    assert_accessible(page)
    drop_photo(page, photo(YELLOW))
    page.locator(".dd-percent").wait_for()
    wait_until_drawn(page)
    page.get_by_text("Occlusion map").click()
    page.locator(".dd-caption").wait_for()
    summary = page.get_by_text("Data and provenance")
    expect(summary).to_have_count(1)  # while the page is drawn anew, the old one is there too
    wait_until_drawn(page)
    summary.click()
    assert_accessible(page)
    wait_until_drawn(page)
    page.get_by_role("button", name="Send feedback").click()
    page.get_by_text("Thank you").wait_for()
    assert_accessible(page)
    drop_photos(page, {"green.jpg": photo(GREEN), "broken.jpg": b"no photo"})
    page.get_by_role("button", name="Save as CSV").wait_for()
    assert_accessible(page)
    page.reload()
    drop_photo(page, b"no photo")
    page.get_by_role("alert").wait_for()
    assert_accessible(page)


def test_the_page_about_the_model_is_accessible(webapp: WebApp, page: Page) -> None:
    measured = metrics(
        champion_version="first",
        champion_accuracy=0.9,
        gained=4,
        lost=1,
        calibration=calibration((0.6, 0.5), (0.8, 0.9), (1.0, 1.0)),
    )
    publish(webapp.store, "measured", metrics=measured, beside={CARD_HTML: PAGE})
    webapp.store.put(layout.report("d" * 64), PAGE)
    with Client(webapp.api_url) as client:
        while client.ready().version != "measured":
            page.wait_for_timeout(50)
    page.goto(f"{webapp.url}/model")
    page.get_by_test_id("stVegaLiteChart").wait_for()
    wait_until_drawn(page)
    page.get_by_text("Values as a table").click()
    for toggle in ("Show the data report", "Show the model card"):
        wait_until_drawn(page)
        page.get_by_text(toggle).click()
        expect(page.locator("iframe")).to_have_count(1 + ("card" in toggle))
    assert_accessible(page)


def test_the_page_for_monitoring_is_accessible(webapp: WebApp, page: Page) -> None:
    with Client(webapp.api_url) as client:
        client.predict(photo(YELLOW), "a.jpg")
        while not client.activity().minutes:
            page.wait_for_timeout(100)
    page.goto(f"{webapp.url}/live")
    expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(3, timeout=30_000)
    wait_until_drawn(page)
    page.get_by_text("Values as a table").click()
    assert_accessible(page)


def test_nothing_sticks_out_of_a_phone(webapp: WebApp, browser_page: Page) -> None:
    browser_page.set_viewport_size({"width": 360, "height": 740})
    for path in ("", "/model", "/live"):
        browser_page.goto(webapp.url + path)
        browser_page.locator(".dd-facts").first.wait_for()
        browser_page.wait_for_timeout(500)
        main = browser_page.get_by_test_id("stMain")
        wider = main.evaluate("main => main.scrollWidth - main.clientWidth")
        assert wider == 0, path
    assert_accessible(browser_page)


def test_a_photo_can_be_tried_with_the_keyboard_alone(webapp: WebApp, browser_page: Page) -> None:
    browser_page.goto(webapp.url)
    button = browser_page.get_by_role("button", name="Picture 1")
    button.wait_for()
    for _ in range(40):
        browser_page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    browser_page.keyboard.press("Enter")
    expect(browser_page.locator(".dd-percent")).to_be_visible()
