"""Nobody who follows the documentation ends up nowhere."""

from dandelion_pipeline_tests.documentation.pages import EVERYTHING, GUIDE, Page, findings, page

MOST_LINES = 150


def test_every_link_leads_to_a_file_and_to_a_heading_of_it() -> None:
    assert findings(EVERYTHING, Page.dead_links) == {}


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = page("README.md").linked_pages()
    for one in GUIDE:
        assert one.name == "README.md" or one.path in linked, one.name


def test_the_readme_is_short() -> None:
    assert len(page("README.md").text.splitlines()) <= MOST_LINES
