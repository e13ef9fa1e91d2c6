"""The pages of the documentation, and the parts of them that a machine can check."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
_MARKDOWN = MarkdownIt().enable("table")
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")  # as GitHub makes them
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")


@dataclass(frozen=True)
class Fence:
    """A fenced block of code, and the language that it names."""

    language: str
    text: str


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def fences(self) -> list[Fence]:
        return [Fence(one.info, one.content) for one in self._tokens if one.type == "fence"]

    @cached_property
    def inline_code(self) -> list[str]:
        return [one.content for one in self._inline if one.type == "code_inline"]

    @cached_property
    def addresses(self) -> list[str]:
        """Of links and pictures."""
        found = [one.attrs.get("href", one.attrs.get("src")) for one in self._inline]
        return [str(address) for address in found if address is not None]

    @cached_property
    def anchors(self) -> set[str]:
        """What the part after ``#`` of a link to this page may be."""
        anchors: dict[str, int] = {}
        for heading, inline in zip(self._tokens, self._tokens[1:], strict=False):
            if heading.type == "heading_open":
                text = "".join(one.content for one in inline.children or ())
                slug = _NOT_IN_ANCHORS.sub("", text.lower()).replace(" ", "-")
                times = anchors[slug] = anchors.get(slug, 0) + 1
                if times > 1:
                    anchors[f"{slug}-{times - 1}"] = 1
        return set(anchors)

    def rows(self, *first: str) -> list[list[str]]:
        """The rows of all tables whose head begins with these cells, as Markdown."""
        rows: list[list[str]] = []
        for table in self._tables():
            if table[0][: len(first)] == list(first):
                rows += table[1:]
        return rows

    def dead_links(self) -> list[str]:
        """Relative addresses that lead to no file, or to no heading of it."""
        return [address for address in self.addresses if not self._leads_somewhere(address)]

    def linked_pages(self) -> set[Path]:
        inner = {one.partition("#")[0] for one in self.addresses if not _SCHEME.match(one)}
        return {(self.path.parent / one).resolve() for one in inner if one.endswith(".md")}

    @cached_property
    def _tokens(self) -> list[Token]:
        return _MARKDOWN.parse(self.text)

    @cached_property
    def _inline(self) -> list[Token]:
        return [child for token in self._tokens for child in token.children or ()]

    def _tables(self) -> Iterator[list[list[str]]]:
        table: list[list[str]] = []
        for token, inline in zip(self._tokens, self._tokens[1:], strict=False):
            match token.type:
                case "table_open":
                    table = []
                case "tr_open":
                    table.append([])
                case "th_open" | "td_open":
                    table[-1].append(inline.content)
                case "table_close":
                    yield table
        if self._tokens and self._tokens[-1].type == "table_close":
            yield table

    def _leads_somewhere(self, address: str) -> bool:
        if _SCHEME.match(address):
            return True
        file, _, anchor = address.partition("#")
        target = self.path.parent / file if file else self.path
        return target.exists() and (not anchor or anchor in _page_at(target.resolve()).anchors)


@cache
def _page_at(path: Path) -> Page:
    return Page(path)


def page(name: str) -> Page:
    """A page by its path from the root."""
    return _page_at(ROOT / name)


def pages(*patterns: str) -> list[Page]:
    """All pages that match one of the patterns, such as ``docs/*.md``."""
    return [_page_at(path) for pattern in patterns for path in sorted(ROOT.glob(pattern))]


GUIDE = pages("README.md", "CONTRIBUTING.md", "docs/*.md")
"""What says how things are in this version."""

DECISIONS = pages("docs/adr/*.md")
EVERYTHING = [*GUIDE, *DECISIONS, page("CHANGELOG.md")]


def findings(
    pages: Iterable[Page], wrong_with: Callable[[Page], list[str]]
) -> dict[str, list[str]]:
    """What is wrong with each page; pages with nothing wrong are left out."""
    found = {one.name: wrong_with(one) for one in pages}
    return {name: wrong for name, wrong in found.items() if wrong}


def codes(cell: str) -> list[str]:
    """The inline code in a cell of a table."""
    return [code.replace("\\|", "|") for code in re.findall(r"`([^`]+)`", cell)]
