"""Debian's Chromium, headless and without the connections that it opens for its maker."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, HttpCredentials, Page, expect, sync_playwright

CAMERA = re.compile("Use the camera|appareil photo")
CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="needs Debian's chromium package, which .ci/run installs"
)


@contextmanager
def chromium_page(
    width: int = 1280,
    height: int = 900,
    *,
    flags: Sequence[str] = (),
    locale: str = "en-GB",
    login: tuple[str, str] | None = None,
) -> Iterator[Page]:
    """A page in a browser of its own.

    With a login, which the browser gives when it is asked for one, any certificate will do.
    """
    credentials = HttpCredentials(username=login[0], password=login[1]) if login else None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_FLAGS, *flags])
        try:
            yield browser.new_page(
                viewport={"width": width, "height": height},
                locale=locale,
                http_credentials=credentials,
                ignore_https_errors=login is not None,
            )
        finally:
            browser.close()


def drop_photo(page: Page, data: bytes, name: str = "photo.jpg") -> None:
    """Give a photo to the web app, in place of those that it has."""
    remove = page.get_by_role("button", name="Remove ")
    while remove.count():
        left = remove.count() - 1
        remove.first.click()
        expect(remove).to_have_count(left)
    page.get_by_role("switch", name=CAMERA).wait_for()  # as soon as the app knows of no photo
    drop_photos(page, {name: data})


def drop_photos(page: Page, photos: Mapping[str, bytes]) -> None:
    """Give more photos, by name, to the web app."""
    payloads: list[FilePayload] = [
        {"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in photos.items()
    ]
    wait_until_drawn(page)
    page.locator("input[type=file]").set_input_files(payloads)


def wait_until_drawn(page: Page) -> None:
    """Wait until the web app draws nothing more: what is there before may be replaced meanwhile."""
    drawn = '[data-testid="stApp"][data-test-script-state="notRunning"]'
    page.locator(drawn).wait_for()
