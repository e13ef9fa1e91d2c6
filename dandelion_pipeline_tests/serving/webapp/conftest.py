"""The real page in front of the real API, each in a process of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page
from streamlit.testing.v1 import AppTest

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.browsers.browser import chromium_page
from dandelion_pipeline_tests.data.tiny_models import publish
from dandelion_pipeline_tests.servers.processes import free_port, running
from serving.webapp import page as page_module

_MAIN = sys.modules["__main__"]


@pytest.fixture(autouse=True)
def main_module_restored() -> Iterator[None]:
    """`AppTest` leaves a script of its own as the main module, which later processes would run."""
    yield
    sys.modules["__main__"] = _MAIN


def fine(page: AppTest) -> AppTest:
    """A page that was drawn without an error."""
    assert not page.exception
    return page


def html(page: AppTest) -> str:
    """All the HTML on a page."""
    return "\n".join(element.proto.body for element in page.get("html"))


OpenPage = Callable[[httpx.Client], AppTest]
PAGE = Path(page_module.__file__)


class WebApp:
    """A running page, and what starts the API behind it."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = open_store((folder / "store").as_uri())
        self.api_port, self.port = free_port(), free_port()
        self.api_url, self.url = (f"http://127.0.0.1:{p}" for p in (self.api_port, self.port))
        self._environment = {
            "DANDELION_STORE_URL": self.store.url,
            "DANDELION_API_PORT": str(self.api_port),
            "DANDELION_HOME": str(folder),
            "DANDELION_POLL_SECONDS": "0.1",
            "DANDELION_LOG_SECONDS": "0.2",
        }

    def api(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """The API, until the end of the block."""
        command = [sys.executable, "-m", "serving"]
        return running(command, url=f"{self.api_url}/readyz", env=self._environment)

    def page(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """The page, until the end of the block."""
        streamlit = [sys.executable, "-m", "streamlit", "run", page_module.__file__]
        command = [*streamlit, "--server.port", str(self.port)]
        return running(command, url=self.url, env={"DANDELION_API_URL": self.api_url})


@pytest.fixture(scope="package")
def webapp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebApp]:
    """Both, and at first a model that is called ``first``; the tests in a browser share them."""
    webapp = WebApp(tmp_path_factory.mktemp("webapp"))
    publish(webapp.store, "first")
    with webapp.api(), webapp.page():
        yield webapp


@pytest.fixture
def browser_page() -> Iterator[Page]:
    with chromium_page() as page:
        yield page


@pytest.fixture
def camera_page() -> Iterator[Page]:
    """A browser with a stand-in for a camera, which everybody may use."""
    stand_in = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with chromium_page(flags=stand_in) as page:
        page.context.grant_permissions(["camera"])
        yield page


@pytest.fixture
def french_page() -> Iterator[Page]:
    with chromium_page(locale="fr-FR") as page:
        yield page


@pytest.fixture
def own_webapp(tmp_path: Path) -> WebApp:
    """A page and an API for one test, neither of them started."""
    webapp = WebApp(tmp_path)
    publish(webapp.store, "first")
    return webapp


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    def opened(api: httpx.Client) -> AppTest:
        monkeypatch.setenv("DANDELION_API_URL", str(api.base_url))
        return fine(AppTest.from_file(PAGE, default_timeout=30).run())

    return opened


def upload(page: AppTest, data: bytes, name: str = "photo.jpg") -> str:
    """Give a photo to the page. What it says then."""
    page.file_uploader[0].set_value([(name, data, "image/jpeg")])
    return html(fine(page.run()))


def predictions(api: httpx.Client) -> float:
    """How many photos an API has answered."""
    lines = api.get("/metrics").text.splitlines()
    name = "dandelion_predictions_total"
    return sum(float(line.split()[1]) for line in lines if line.startswith(name))
