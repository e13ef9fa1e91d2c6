"""How the web page feels, in Chromium: first paint, an answer, 200 photos, 20 visitors at once.

    python -m benchmarks.serving.webapp

The real page and the real API with a ResNet18 at 224 pixels in 8-bit integers, on this machine's
cores, which the browser needs too. Memory is that of the page's process (PSS): fresh, after a table
of two photos (which loads what tables need), when 200 are answered, and after their visitor left.
"""

import itertools
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.common.servers import publish, running, tree_memory
from benchmarks.images.cleaning import thumbnails
from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.browsers.browser import CHROMIUM, drop_photo, drop_photos
from dandelion_pipeline_tests.servers import processes
from serving.webapp import page as page_module

MANY = 200
VISITORS = 20
ROUNDS = 5
TIMEOUT_MS = 180_000
AFTERWARDS = 150  # Streamlit keeps a session for two minutes after its visitor left
KEY = secrets.token_urlsafe(24)
out = Console(width=110)


def main() -> None:
    """Start everything, and print one table."""
    photos = list(itertools.islice(thumbnails(), MANY))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = open_store((folder / "store").as_uri())
        publish(store, folder / "weights.safetensors")
        environment = {
            "DANDELION_STORE_URL": store.url,
            "DANDELION_HOME": str(folder / "home"),
            "DANDELION_API_KEYS": KEY,
        }
        api = stack.enter_context(running(["serving"], environment, photos[0], KEY))
        port = processes.free_port()
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "streamlit", "run", page_module.__file__]
        page_env = {
            "DANDELION_API_URL": f"http://127.0.0.1:{api.port}",
            "DANDELION_API_KEY": KEY,
        }
        webapp = stack.enter_context(
            processes.running([*command, "--server.port", str(port)], url=url, env=page_env)
        )
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        stack.callback(browser.close)
        measure(browser, url, webapp.pid, photos)


def measure(browser: Browser, url: str, pid: int, photos: list[bytes]) -> None:
    """Visit the page in every way."""
    opened(browser, url).close()  # the server is warm from here on
    paints, answers = [], []
    for photo in photos[:ROUNDS]:
        page = opened(browser, url)
        paints.append(page.evaluate("performance.getEntriesByType('paint').at(-1).startTime"))
        answers.append(answered(page, photo))
        page.close()
    page = opened(browser, url)
    fresh = tree_memory(pid)
    drop_photos(page, {f"{n}.jpg": photo for n, photo in enumerate(photos[:2])})
    page.get_by_role("button", name="Save as CSV").wait_for(timeout=TIMEOUT_MS)
    page.close()
    before = tree_memory(pid)
    page = opened(browser, url)
    began = time.perf_counter()
    drop_photos(page, {f"{n}.jpg": photo for n, photo in enumerate(photos)})
    other = opened(browser, url)
    meanwhile = answered(other, photos[0])
    other.close()
    page.get_by_role("button", name="Save as CSV").wait_for(timeout=TIMEOUT_MS)
    many, most = time.perf_counter() - began, tree_memory(pid)
    page.close()
    time.sleep(AFTERWARDS)
    after = tree_memory(pid)
    visitors = [opened(browser, url) for _ in range(VISITORS)]
    began = time.perf_counter()
    for visitor, photo in zip(visitors, photos, strict=False):
        drop_photo(visitor, photo)
    for visitor in visitors:
        visitor.locator(".dd-percent").wait_for(timeout=TIMEOUT_MS)
    at_once = time.perf_counter() - began
    table = Table("", "")
    table.add_row("first paint of a warm server, the slowest of 5", f"{max(paints):.0f} ms")
    table.add_row("from the drop of a thumbnail to its answer", f"{max(answers):.2f} s")
    table.add_row(f"{MANY} photos at once, from the drop to the table", f"{many:.1f} s")
    table.add_row("another visitor's answer meanwhile", f"{meanwhile:.2f} s")
    sizes = (fresh, before, most, after)
    figures = f"{', '.join(f'{size / 1e6:.0f}' for size in sizes)} MB"
    table.add_row(f"memory fresh, after a table of 2, with {MANY}, afterwards", figures)
    table.add_row(f"{VISITORS} visitors at once, until all are answered", f"{at_once:.1f} s")
    out.print(table)


def opened(browser: Browser, url: str) -> Page:
    """The page, drawn."""
    page = browser.new_page()
    page.goto(url)
    page.locator(".dd-facts").wait_for()
    return page


def answered(page: Page, photo: bytes) -> float:
    """Seconds from the drop of a photo to its answer."""
    began = time.perf_counter()
    drop_photo(page, photo)
    page.locator(".dd-percent").wait_for(timeout=TIMEOUT_MS)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
