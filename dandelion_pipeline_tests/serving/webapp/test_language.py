"""English and French say the same things, and nothing is said in one alone."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.webapp import page
from serving.webapp.language.choice import clock, day, number, percent, say, speak, spoken
from serving.webapp.language.french import FRENCH

FOLDER = Path(page.__file__).parent


@pytest.fixture
def french() -> Iterator[None]:
    speak("fr")
    yield
    speak("en")


def sentences() -> set[str]:
    """All that the pages say, found where they say it."""
    found = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id in {"say", "mark"} and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return found


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_sentence_is_said_in_french_too_and_none_is_left_over() -> None:
    assert sentences() == set(FRENCH)


def test_a_sentence_has_the_same_places_in_both_languages() -> None:
    assert {text for text, french in FRENCH.items() if places(text) != places(french)} == set()


def test_numbers_and_days_are_written_as_the_language_does(french: None) -> None:
    assert spoken() == "fr"
    assert percent(0.9534) == "95,3\u202f%"
    assert number(12345) == "12\u202f345"
    assert number(0.5, 2) == "0,50"
    assert day("2025-05-03T12:00:00+00:00") == "3 mai 2025"
    assert clock("2025-05-03T17:04:00+00:00") == "17:04"
    assert say("{percent} sure", percent="95 %") == "sûr à 95 %"


def test_english_is_what_stands_in_the_code_and_what_an_unknown_language_means() -> None:
    speak("tlh")
    assert spoken() == "en"
    assert percent(0.9534) == "95.3%"
    assert number(12345) == "12,345"
    assert day("2025-05-03T12:00:00+00:00") == "3 May 2025"
    assert day("soon") == "soon"
    assert say("maybe {label}", label="{grass}") == "maybe {grass}"
