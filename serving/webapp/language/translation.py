"""Messages in the visitor's language, by gettext.

The English message stands in the code and is the key (msgid) of its translation in `fr.po`. Babel
reads the catalogue when it is first needed and compiles it in memory, so there is no build step.
Each run of the page happens in a thread of its own, in which `use_language` sets the language
once.
"""

import io
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "fr": "Français"}

_FOLDER = Path(__file__).parent
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def use_language(language: str) -> None:
    """Choose one of `LANGUAGES` for what follows; any other means English."""
    _language.set(language if language in LANGUAGES else ENGLISH)


def current_language() -> str:
    """The language of this run of the page."""
    return _language.get()


def gettext(message: str, **values: object) -> str:
    """A message in the current language, with values in place of their names in braces."""
    translated = _translations(current_language()).gettext(message)
    return translated.format(**values) if values else translated


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """The form of a message for this count, such as "1 photo" or "2 photos".

    Args:
        one: the English singular.
        many: the English plural.
        count: decides on the form.
        values: what stands in place of the names in braces.
    """
    return _translations(current_language()).ngettext(one, many, count).format(**values)


def gettext_noop(message: str) -> str:
    """Mark a message for translation that `gettext` gets later, by way of a variable."""
    return message


def read_catalog(language: str) -> Catalog:
    """The translations into a language, as they stand in its file."""
    with (_FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


@cache
def _translations(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, read_catalog(language))
    compiled.seek(0)
    return GNUTranslations(compiled)
