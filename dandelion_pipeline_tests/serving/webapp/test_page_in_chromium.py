"""The page as a browser has it: the real API, the real page, and Debian's Chromium."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Request, expect

from dandelion_pipeline.storage.location import open_store
from dandelion_pipeline.storage.store import Store
from dandelion_pipeline_tests.browser import (
    chromium_page,
    drop_photo,
    drop_photos,
    needs_chromium,
)
from dandelion_pipeline_tests.processes import free_port, running
from dandelion_pipeline_tests.tiny_models import GREEN, YELLOW, photo, publish
from serving.client import Client
from serving.webapp import page as page_module

pytestmark = [pytest.mark.e2e, needs_chromium]


class WebApp:
    """A running page, and the API behind it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.api_port, self.port = free_port(), free_port()
        self.api_url, self.url = (f"http://127.0.0.1:{p}" for p in (self.api_port, self.port))


@pytest.fixture(scope="module")
def webapp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebApp]:
    folder: Path = tmp_path_factory.mktemp("webapp")
    webapp = WebApp(open_store((folder / "store").as_uri()))
    publish(webapp.store, "first")
    api_env = {
        "DANDELION_STORE_URL": webapp.store.url,
        "DANDELION_API_PORT": str(webapp.api_port),
        "DANDELION_HOME": str(folder),
        "DANDELION_POLL_SECONDS": "0.1",
    }
    streamlit = [sys.executable, "-m", "streamlit", "run", page_module.__file__]
    command = [*streamlit, "--server.port", str(webapp.port)]
    page_env = {"DANDELION_API_URL": webapp.api_url}
    api = [sys.executable, "-m", "serving.app"]
    with (
        running(api, url=f"{webapp.api_url}/readyz", env=api_env),
        running(command, url=webapp.url, env=page_env),
    ):
        yield webapp


@pytest.fixture
def browser_page() -> Iterator[Page]:
    with chromium_page() as page:
        yield page


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
                f"{answer.confidence:.1%} sure"
            )
            expect(browser_page.locator(".dd-version")).to_have_text(answer.model.version)
            expect(browser_page.get_by_alt_text("The photo that you sent")).to_be_visible()
    browser_page.get_by_role("button", name="Send my answer").click()
    expect(browser_page.get_by_role("status")).to_contain_text("Thank you")
    drop_photos(browser_page, {f"{n}.jpg": photo((60, 130 + n, 50)) for n in range(7)})
    expect(browser_page.get_by_text("8", exact=True).first).to_be_visible()
    expect(browser_page.get_by_role("button", name="Save as CSV")).to_be_visible()
    browser_page.reload()
    drop_photo(browser_page, b"no photo")
    expect(browser_page.get_by_role("alert")).to_contain_text("no photo that can be read")
    expect(browser_page.get_by_text("Deploy")).to_have_count(0)
    assert strangers == []


def test_a_model_that_goes_live_while_the_page_is_open_answers_the_next_photo(
    webapp: WebApp, browser_page: Page
) -> None:
    browser_page.goto(webapp.url)
    drop_photo(browser_page, photo(YELLOW))
    version = browser_page.locator(".dd-version")
    expect(version).to_have_text("first")
    publish(webapp.store, "second")
    with Client(webapp.api_url) as client:
        while client.ready().version != "second":
            browser_page.wait_for_timeout(50)
    browser_page.get_by_text("Show what the model looked at").click()  # any click draws anew
    expect(version).to_have_text("second")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_state_of_the_page_shuts_anybody_out(
    webapp: WebApp, browser_page: Page, theme: str
) -> None:
    browser_page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    browser_page.goto(webapp.url)
    browser_page.locator(".dd-facts").wait_for()
    assert_accessible(browser_page)
    drop_photo(browser_page, photo(YELLOW))
    browser_page.locator(".dd-percent").wait_for()
    browser_page.get_by_text("Show what the model looked at").click()
    browser_page.locator(".dd-caption").wait_for()
    for closed in ("What it was made from", "What was live before"):
        summary = browser_page.get_by_text(closed)
        expect(summary).to_have_count(1)  # while the page is drawn anew, the old one is there too
        summary.click()
    assert_accessible(browser_page)
    browser_page.get_by_role("button", name="Send my answer").click()
    browser_page.get_by_text("Thank you").wait_for()
    assert_accessible(browser_page)
    drop_photos(browser_page, {"green.jpg": photo(GREEN), "broken.jpg": b"no photo"})
    browser_page.get_by_role("button", name="Save as CSV").wait_for()
    assert_accessible(browser_page)
    browser_page.reload()
    drop_photo(browser_page, b"no photo")
    browser_page.get_by_role("alert").wait_for()
    assert_accessible(browser_page)


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing serious or critical, nor a heading out of order."""
    drawn = '[data-testid="stApp"][data-test-script-state="notRunning"]'
    page.locator(drawn).wait_for()
    page.wait_for_timeout(500)  # what fades in is faint meanwhile
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in {"serious", "critical"}]
    assert not grave, [(one["id"], [node["html"] for node in one["nodes"]]) for one in grave]
    assert "heading-order" not in {one["id"] for one in found}
