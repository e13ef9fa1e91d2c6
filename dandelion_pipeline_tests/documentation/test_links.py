"""Nobody who follows the documentation ends up nowhere."""

import pytest

from dandelion_pipeline_tests.documentation.pages import EVERYTHING, GUIDE, Page, page

MOST_LINES = 150


@pytest.mark.parametrize("one", EVERYTHING, ids=lambda one: one.name)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(one: Page) -> None:
    assert one.dead_links() == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = page("README.md").linked_pages()
    for one in GUIDE:
        assert one.name == "README.md" or one.path in linked, one.name


def test_the_readme_is_short() -> None:
    assert len(page("README.md").text.splitlines()) <= MOST_LINES
