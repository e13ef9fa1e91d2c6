"""Commands that a page names, and whether they exist."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from dandelion_pipeline.cli import app
from dandelion_pipeline_tests.documentation.pages import ROOT, Page

AnyCommand: TypeAlias = TyperCommand | TyperGroup

_ENDS = {"|", ";", "&&", "||", ">", ">>", "#", "then:"}
_TARGET = re.compile(r"[a-z][a-z-]*")
_VARIABLE = re.compile(r"([A-Z_]+)=")


def command_lines(page: Page) -> Iterator[list[str]]:
    """Each line of shell, and each inline code, as words."""
    shell = [block.text for block in page.fences if block.language in {"sh", ""}]
    for line in [*page.inline_code, *"\n".join(shell).replace("\\\n", " ").splitlines()]:
        yield _words(line)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # an apostrophe in what a command prints
        return line.split()


def calls_of(page: Page, program: str) -> Iterator[list[str]]:
    """The arguments of each call of a program: ``make``, ``.venv/bin/dandelion``…"""
    for words in command_lines(page):
        for at, word in enumerate(words):
            if word.removeprefix(".venv/bin/") == program and not _is_prose(words[:at]):
                yield list(_until_the_end(words[at + 1 :]))


def _is_prose(before: list[str]) -> bool:
    """Whether what comes before is neither a prompt, a variable nor another program's words."""
    starters = {"$", "exec", "compose", "dagster-code", "sudo", *_ENDS}
    return bool(before) and before[-1] not in starters and "=" not in before[-1]


def _until_the_end(words: list[str]) -> Iterator[str]:
    for word in words:
        if word in _ENDS or word.startswith("#"):
            return
        plain = word.strip("[]…,")
        if plain:
            yield plain


def wrong_with_make(arguments: list[str]) -> list[str]:
    """The targets and variables of a call that the Makefile does not have."""
    makefile = (ROOT / "Makefile").read_text()
    wrong = []
    for word in arguments:
        variable = _VARIABLE.match(word)
        if variable and f"$({variable[1]})" not in makefile:
            wrong.append(word)
        if _TARGET.fullmatch(word) and word not in make_targets():
            wrong.append(word)
    return wrong


@cache
def make_targets() -> frozenset[str]:
    """What the Makefile declares as targets that are no files."""
    phony = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return frozenset(" ".join(phony).split())


@cache
def command_line() -> AnyCommand:
    """`dandelion`, with all that is below it."""
    return _as_typer_makes_them(get_command(app))


def _as_typer_makes_them(command: object) -> AnyCommand:
    """The base of both kinds is private to Typer."""
    assert isinstance(command, AnyCommand)
    return command


def wrong_with_dandelion(arguments: list[str]) -> list[str]:
    """The subcommands and options of a call that the command line does not have."""
    command = command_line()
    for at, word in enumerate(arguments):
        if not isinstance(command, TyperGroup):
            return [one for one in arguments[at:] if _is_unknown(one, command)]
        if word not in command.commands:
            return [word]
        command = _as_typer_makes_them(command.commands[word])
    return []


def _is_unknown(word: str, command: AnyCommand) -> bool:
    return word.startswith("--") and word.partition("=")[0] not in options_of(command)


def options_of(command: AnyCommand) -> set[str]:
    """``--help`` aside."""
    return {
        name
        for one in command.params
        if isinstance(one, TyperOption)
        for name in (*one.opts, *one.secondary_opts)
    }


def all_commands() -> dict[str, AnyCommand]:
    """Each command by its words, such as ``releases list``."""
    found: dict[str, AnyCommand] = {}

    def walk(command: AnyCommand, words: tuple[str, ...]) -> None:
        if isinstance(command, TyperGroup):
            for name, inner in command.commands.items():
                walk(_as_typer_makes_them(inner), (*words, name))
        else:
            found[" ".join(words)] = command

    walk(command_line(), ())
    return found
