"""Numbers, percentages, dates and times as the current language writes them."""

from datetime import datetime

from babel.dates import format_date, format_time
from babel.numbers import format_decimal, format_percent

from serving.webapp.language.translation import ENGLISH, current_language

_LOCALES = {ENGLISH: "en_GB", "fr": "fr"}
_PERCENT = {ENGLISH: "#,##0.0%", "fr": "#,##0.0\N{NARROW NO-BREAK SPACE}%"}


def percent(share: float) -> str:
    """A share from 0 to 1, as a percentage with one decimal."""
    language = current_language()
    return str(format_percent(share, _PERCENT[language], locale=_LOCALES[language]))


def number(value: float, digits: int = 0) -> str:
    """A number with this many digits after the decimal point."""
    pattern = "#,##0" + ("." + digits * "0" if digits else "")
    return str(format_decimal(value, pattern, locale=_LOCALES[current_language()]))


def date(when: str) -> str:
    """The date of a time in ISO 8601; anything else stays as it is."""
    try:
        parsed = datetime.fromisoformat(when)
    except ValueError:
        return when
    return str(format_date(parsed, "medium", locale=_LOCALES[current_language()]))


def clock(when: str) -> str:
    """Hours and minutes of a time in ISO 8601, in its own zone."""
    locale = _LOCALES[current_language()]
    return str(format_time(datetime.fromisoformat(when), "HH:mm", locale=locale))
