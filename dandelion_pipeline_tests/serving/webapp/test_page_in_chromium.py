import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, expect

from dandelion_pipeline.storage.store import Store
from dandelion_pipeline_tests.browser import chromium_page, drop_photo, drop_photos, needs_chromium
from dandelion_pipeline_tests.processes import free_port, running
from dandelion_pipeline_tests.tiny_models import GREEN, YELLOW, photo, publish
from serving.client import Client
from serving.webapp import page as page_module

pytestmark = [pytest.mark.e2e, needs_chromium]


@pytest.fixture
def browser_page() -> Iterator[Page]:
    with chromium_page() as page:
        yield page


def test_the_page_shows_what_the_api_answers_and_speaks_to_nobody_else(
    store: Store, browser_page: Page
) -> None:
    publish(store, "first")
    api_url, page_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    api_env = {"DANDELION_STORE_URL": store.url, "DANDELION_API_PORT": api_url[17:]}
    streamlit = [sys.executable, "-m", "streamlit", "run", page_module.__file__]
    page_command = [*streamlit, "--server.port", page_url[17:]]
    strangers: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((page_url, "data:", "blob:")):
            strangers.append(request.url)

    browser_page.on("request", note)
    with (
        running([sys.executable, "-m", "serving.app"], url=f"{api_url}/readyz", env=api_env),
        running(page_command, url=page_url, env={"DANDELION_API_URL": api_url}),
        Client(api_url) as client,
    ):
        browser_page.goto(page_url)
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
