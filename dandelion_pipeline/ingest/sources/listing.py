"""The directory listings of web servers: `python -m http.server`, nginx, Apache and others."""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit


@dataclass(frozen=True)
class Listing:
    """What a page links to directly below itself: addresses by name."""

    folders: dict[str, str]
    files: dict[str, str]


def read_listing(page: bytes, url: str) -> Listing:
    """The folders and files that a page lists; both are empty if it is no listing.

    Links that lead elsewhere are ignored: to another server, upwards, deeper than one
    level, with a query (Apache's sort orders), or to hidden things.
    """
    parser = _Links()
    parser.feed(page.decode("utf-8", "replace"))
    parser.close()
    listing = Listing({}, {})
    for href in parser.hrefs:
        below = _below(url, href)
        if below is None:
            continue
        name = unquote(below.removesuffix("/"), errors="surrogateescape")
        if name and not name.startswith("."):
            kind = listing.folders if below.endswith("/") else listing.files
            kind[name] = urljoin(url, href)
    return listing


def _below(url: str, href: str) -> str | None:
    """The last part of a link that leads one level down, quoted, or None."""
    try:
        base, link = urlsplit(url), urlsplit(urljoin(url, href))
    except ValueError:  # such as an unfinished IPv6 address
        return None
    if (link.scheme, link.netloc) != (base.scheme, base.netloc) or link.query or link.fragment:
        return None
    rest = link.path.removeprefix(base.path)
    if rest == link.path or "/" in rest.removesuffix("/"):
        return None
    return rest


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.hrefs += [value for name, value in attrs if name == "href" and value]
