import pytest

from dandelion_pipeline.errors import BundleError, NothingReleased
from dandelion_pipeline.release import bundle
from dandelion_pipeline.release.manifest import CARD_HTML, CARD_MARKDOWN, ONNX_FILE
from dandelion_pipeline.release.promotion import promote
from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.cli.conftest import Dandelion
from dandelion_pipeline_tests.data.tiny_models import manifest, onnx_graph, put_bundle

PAGE = "<!DOCTYPE html>\n<title>v1</title>\n"


@pytest.fixture
def with_card(here: Store) -> Store:
    """A store in which v1 is live, and has a card."""
    texts = {CARD_MARKDOWN: b"# Model card: `v1`\n", CARD_HTML: PAGE.encode()}
    files = {ONNX_FILE: onnx_graph(), **texts}
    bundle.put_files(here, "v1", files)
    promote(bundle.finish(here, manifest("v1", files)), who="a test", why="it is being tested")
    return here


@pytest.mark.usefixtures("with_card")
def test_the_card_of_the_live_model_is_printed_as_it_lies_there(dandelion: Dandelion) -> None:
    assert dandelion("releases", "card").stdout == "# Model card: `v1`\n"
    assert dandelion("releases", "card", "v1", "--html").stdout == PAGE


def test_a_card_that_was_altered_is_not_shown(with_card: Store, dandelion: Dandelion) -> None:
    with_card.put(layout.model_file("v1", CARD_MARKDOWN), b"# Model card: `v2`\n")
    answer = dandelion("releases", "card")
    assert isinstance(answer.exception, BundleError)
    assert not answer.stdout


def test_a_model_without_a_card_says_why_and_what_to_do(here: Store, dandelion: Dandelion) -> None:
    put_bundle(here, "old")
    refusal = dandelion("releases", "card", "old").exception
    assert isinstance(refusal, BundleError)
    assert "older version" in refusal.why
    assert "releases show" in refusal.remedy
    assert isinstance(dandelion("releases", "card").exception, NothingReleased)
