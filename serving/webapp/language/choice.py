"""English or French: what the page says, and how numbers and days are written.

Every sentence stands in the code in English, and is its own key in `french.FRENCH`. Each run of the
page happens in a thread of its own, in which `speak` sets the language once.
"""

from contextvars import ContextVar
from datetime import datetime

from babel.dates import format_date, format_time
from babel.numbers import format_decimal, format_percent

from serving.webapp.language.french import FRENCH

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "fr": "Français"}

_LOCALES = {ENGLISH: "en_GB", "fr": "fr"}
_PERCENT = {ENGLISH: "#,##0.0%", "fr": "#,##0.0\N{NARROW NO-BREAK SPACE}%"}
_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


def speak(language: str) -> None:
    """Choose one of `LANGUAGES` for what follows; any other means English."""
    _language.set(language if language in LANGUAGES else ENGLISH)


def spoken() -> str:
    """The language of now."""
    return _language.get()


def mark(text: str) -> str:
    """A sentence that `say` will be given later, by way of a variable."""
    return text


def say(text: str, **values: object) -> str:
    """A sentence in the language of now, with values in the places of their names."""
    known = text if _language.get() == ENGLISH else FRENCH.get(text, text)
    return known.format(**values) if values else known


def percent(share: float) -> str:
    """A share from 0 to 1, as a percentage with one decimal."""
    return str(format_percent(share, _PERCENT[spoken()], locale=_LOCALES[spoken()]))


def number(value: float, digits: int = 0) -> str:
    """A number with so many digits behind the point."""
    pattern = "#,##0" + ("." + digits * "0" if digits else "")
    return str(format_decimal(value, pattern, locale=_LOCALES[spoken()]))


def day(when: str) -> str:
    """The day of a time in ISO 8601; anything else stays as it is."""
    try:
        return str(format_date(datetime.fromisoformat(when), "medium", locale=_LOCALES[spoken()]))
    except ValueError:
        return when


def clock(when: str) -> str:
    """Hours and minutes of a time in ISO 8601, in its own zone."""
    return str(format_time(datetime.fromisoformat(when), "HH:mm", locale=_LOCALES[spoken()]))
