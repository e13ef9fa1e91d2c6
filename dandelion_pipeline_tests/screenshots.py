"""Take the pictures of the README from a running `make up`; the photo in them is generated.

Usage: .venv/bin/python -m dandelion_pipeline_tests.screenshots docs/images
"""

import io
import sys
from pathlib import Path
from urllib.parse import urlsplit

from dandelion_pipeline.images.sample import render
from dandelion_pipeline_tests.browser import chromium_page, drop_photo

WEBAPP = "http://127.0.0.1:8501"
LINEAGE = "http://127.0.0.1:3000/asset-groups"


def webapp(folder: Path) -> None:
    """The web page with its answer."""
    photo = io.BytesIO()
    render("dandelion", 101, (640, 480)).save(photo, "JPEG")
    with chromium_page(1000, 850) as page:
        page.goto(WEBAPP)
        drop_photo(page, photo.getvalue(), "dandelion.jpg")
        page.locator(".dd-percent").wait_for()
        page.wait_for_timeout(1000)  # the bars grow
        page.screenshot(path=folder / "webapp.png")


def asset_graph(folder: Path) -> None:
    """The six assets in Dagster."""
    with chromium_page(1800, 700) as page:
        page.goto(LINEAGE)
        page.get_by_text("Lineage").first.click()
        page.wait_for_timeout(4000)
        for group in ("ingestion", "training", "release"):
            page.get_by_text(group, exact=True).filter(visible=True).last.dblclick()
            page.wait_for_timeout(1500)  # the graph is laid out anew
        expanded = urlsplit(page.url).query  # without the asset that the last click selected
        page.goto(f"{LINEAGE}?{expanded}")
        page.wait_for_timeout(6000)
        page.screenshot(path=folder / "asset-graph.png")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    webapp(target)
    asset_graph(target)
