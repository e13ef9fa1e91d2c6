"""Each message of the pages has its French, and each language writes numbers and dates its way."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract

from serving.webapp import page
from serving.webapp.language.formats import clock, date, number, percent
from serving.webapp.language.translation import (
    current_language,
    gettext,
    ngettext,
    read_catalog,
    use_language,
)

FOLDER = Path(page.__file__).parent
FUNCTIONS = {"gettext": None, "gettext_noop": None, "ngettext": (1, 2)}

Forms = tuple[str, ...]
"""A message, or its singular and plural."""


@pytest.fixture
def french() -> Iterator[None]:
    use_language("fr")
    yield
    use_language("en")


def forms(message: str | Forms | list[str]) -> Forms:
    return (message,) if isinstance(message, str) else tuple(message)


def messages_of_the_code() -> set[Forms]:
    found = set()
    for path in FOLDER.rglob("*.py"):
        with path.open("rb") as source:
            extracted = extract("python", source, keywords=FUNCTIONS)
            found |= {forms(message) for _, message, _, _ in extracted if message}
    return found


def catalog() -> dict[Forms, Forms]:
    return {forms(m.id): forms(m.string or "") for m in read_catalog("fr") if m.id}


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_each_message_has_a_french_translation_and_no_translation_is_stale() -> None:
    assert messages_of_the_code() == set(catalog())
    assert not read_catalog("fr").obsolete
    assert not [message.id for message in read_catalog("fr") if message.id and message.fuzzy]


def test_no_translation_is_empty_or_lacks_a_placeholder_or_a_plural() -> None:
    for english, french in catalog().items():
        assert all(french), english
        assert [placeholders(text) for text in french] == [placeholders(text) for text in english]


def test_no_message_hides_in_an_f_string_where_babel_does_not_see_it() -> None:
    for path in FOLDER.rglob("*.py"):
        for text in ast.walk(ast.parse(path.read_text())):
            if isinstance(text, ast.JoinedStr):
                names = {node.id for node in ast.walk(text) if isinstance(node, ast.Name)}
                assert not names & set(FUNCTIONS), ast.unparse(text)


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", {0: "0 minutes", 1: "1 minute", 2: "2 minutes"}),
        ("fr", {0: "0 minute", 1: "1 minute", 2: "2 minutes"}),
    ],
)
def test_a_plural_is_formed_as_the_language_does(language: str, shown: dict[int, str]) -> None:
    use_language(language)
    try:
        for count, words in shown.items():
            assert ngettext("{minutes} minute", "{minutes} minutes", count, minutes=count) == words
    finally:
        use_language("en")


def test_numbers_and_dates_are_written_as_french_does(french: None) -> None:
    assert current_language() == "fr"
    assert percent(0.9534) == "95,3\u202f%"
    assert number(12345) == "12\u202f345"
    assert number(0.5, 2) == "0,50"
    assert date("2025-05-03T12:00:00+00:00") == "3 mai 2025"
    assert clock("2025-05-03T17:04:00+00:00") == "17:04"
    assert gettext("Confidence: {percent}", percent="95 %") == "Confiance\xa0: 95 %"


def test_english_is_what_stands_in_the_code_and_what_an_unknown_language_means() -> None:
    use_language("tlh")
    assert current_language() == "en"
    assert percent(0.9534) == "95.3%"
    assert number(12345) == "12,345"
    assert date("2025-05-03T12:00:00+00:00") == "3 May 2025"
    assert date("soon") == "soon"
    assert gettext("Most likely {label}", label="{grass}") == "Most likely {grass}"
