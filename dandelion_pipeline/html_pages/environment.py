"""Pages made of templates, in which whatever comes from outside is text."""

from jinja2 import Environment, PackageLoader, StrictUndefined

_LONGEST = 200
"""Characters of a name or a reason that are shown."""


def page_environment() -> Environment:
    """Templates by their paths below `dandelion_pipeline`, which escape what they get."""
    environment = Environment(
        loader=PackageLoader("dandelion_pipeline", "."),
        autoescape=True,
        finalize=legible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["brief"] = brief
    return environment


def brief(text: str) -> str:
    """A name or a reason, cut where it is endless."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def legible(value: object) -> object:
    """Text in which what is invisible is spelled out, marks that turn the writing around too."""
    if hasattr(value, "__html__") or not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
