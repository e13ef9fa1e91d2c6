"""Take the pictures of the documents from a running `make up`; the photos in them are generated.

Usage: .venv/bin/python -m dandelion_pipeline_tests.browsers.screenshots docs/images
"""

import io
import random
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Page, expect

from dandelion_pipeline.images.sample.photos import render
from dandelion_pipeline_tests.browsers.browser import chromium_page, drop_photo
from serving.client import Client

WEBAPP = "http://127.0.0.1:8501"
API = "http://127.0.0.1:8000"
DAGSTER = "http://127.0.0.1:3000"
LINEAGE = f"{DAGSTER}/asset-groups"
_WIDTH = 1000
_TALLEST = 1600


def picture(label: str, seed: int) -> bytes:
    """A generated photo."""
    target = io.BytesIO()
    render(label, seed, (640, 480)).save(target, "JPEG")
    return target.getvalue()


def webapp(folder: Path) -> None:
    """The three pages of the web app, the first one with all that it says of an answer."""
    with chromium_page(_WIDTH, 900) as page:
        page.goto(WEBAPP)
        drop_photo(page, picture("dandelion", 101), "dandelion.jpg")
        page.get_by_text("Occlusion map").click()
        page.locator(".dd-caption").wait_for()
        page.get_by_text("Nearest neighbours: show").click()
        page.get_by_text("nearest have the predicted class").wait_for()
        shoot(page, folder / "webapp.png")
        page.goto(f"{WEBAPP}/model")
        page.get_by_test_id("stVegaLiteChart").wait_for()
        shoot(page, folder / "webapp-model.png")
        page.goto(f"{WEBAPP}/live")
        expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(3, timeout=30_000)
        shoot(page, folder / "webapp-live.png")


def visit(minutes: int) -> None:
    """Ask for some photos a minute, so that there is something to see on the page "Monitoring"."""
    chance = random.Random(1)  # noqa: S311  for a picture
    with Client(API) as client:
        for minute in range(minutes):
            for number in range(chance.randrange(6, 20)):
                label = chance.choice(["dandelion", "grass", "grass"])
                client.predict(picture(label, 1_000 * minute + number), "photo.jpg")
            time.sleep(60)


def shoot(page: Page, path: Path) -> None:
    """The whole of a page, as far as anybody would scroll in a document."""
    main = page.get_by_test_id("stMain")
    height = min(int(main.evaluate("main => main.scrollHeight")), _TALLEST)
    page.set_viewport_size({"width": _WIDTH, "height": height})
    main.evaluate("main => main.scrollTo(0, 0)")  # a click may have scrolled down
    page.wait_for_timeout(2000)  # what grows and fades in has done so
    page.screenshot(path=path)


def asset_graph(folder: Path) -> None:
    """The six assets in Dagster."""
    with chromium_page(1800, 780) as page:
        page.goto(LINEAGE)
        page.get_by_text("Lineage").first.click()
        page.wait_for_timeout(4000)
        for group in ("ingestion", "training", "release"):
            page.get_by_text(group, exact=True).filter(visible=True).last.dblclick()
            page.wait_for_timeout(1500)  # the graph is laid out anew
        expanded = urlsplit(page.url).query  # without the asset that the last click selected
        page.goto(f"{LINEAGE}?{expanded}")
        page.wait_for_timeout(6000)
        save(page, folder / "asset-graph.png")


def asset_page(folder: Path) -> None:
    """What Dagster shows of `evaluation`, with the list of its columns closed."""
    with chromium_page(1700, 1560) as page:
        page.goto(f"{DAGSTER}/assets/evaluation")
        page.get_by_text("confusion_matrix").first.wait_for()
        page.get_by_text("Columns", exact=True).first.click()
        page.wait_for_timeout(2000)  # it has closed
        save(page, folder / "asset-page.png")


def save(page: Page, path: Path) -> None:
    """A page in 256 colours, which are enough for Dagster's, in fewer bytes."""
    shot = Image.open(io.BytesIO(page.screenshot()))
    shot.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(path, optimize=True)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    visit(minutes=8)
    webapp(target)
    asset_graph(target)
    asset_page(target)
