"""Every command that the documentation names exists, and it names every command that exists."""

import re
from importlib.util import find_spec
from itertools import pairwise

import pytest

from dandelion_pipeline_tests.documentation.commands import (
    all_commands,
    calls_of,
    command_lines,
    make_targets,
    options_of,
    wrong_with_dandelion,
    wrong_with_make,
)
from dandelion_pipeline_tests.documentation.pages import DECISIONS, GUIDE, ROOT, Page, codes, page

COMMANDS = page("docs/commands.md")
EACH_PAGE = pytest.mark.parametrize("one", [*GUIDE, *DECISIONS], ids=lambda one: one.name)


@EACH_PAGE
def test_every_make_target_and_variable_is_in_the_makefile(one: Page) -> None:
    for arguments in calls_of(one, "make"):
        assert wrong_with_make(arguments) == [], f"make {' '.join(arguments)}"


@EACH_PAGE
def test_every_command_and_option_is_in_the_command_line(one: Page) -> None:
    for arguments in calls_of(one, "dandelion"):
        assert wrong_with_dandelion(arguments) == [], f"dandelion {' '.join(arguments)}"


@EACH_PAGE
def test_every_module_that_is_run_exists(one: Page) -> None:
    for words in command_lines(one):
        for flag, module in pairwise(words):
            if flag == "-m" and "." in module and not module.endswith("…"):
                assert find_spec(module), module


def test_every_make_target_is_described() -> None:
    described = {word for arguments in calls_of(COMMANDS, "make") for word in arguments}
    assert make_targets() - described <= {"help"}


@pytest.mark.parametrize("words", [*all_commands()])
def test_every_command_is_described_with_all_its_options(words: str) -> None:
    rows = [
        row
        for row in COMMANDS.rows("command", "what it does")
        if any(
            code == f"dandelion {words}" or code.startswith(f"dandelion {words} ")
            for code in codes(row[0])
        )
    ]
    assert rows, "it is in no table"
    if words == "run":  # its options have a table of their own
        rows += COMMANDS.rows("variable", "option")
    named = set(re.findall(r"--[a-z0-9-]+", str(rows)))
    assert named >= options_of(all_commands()[words])
    assert words == "run" or named == options_of(all_commands()[words])


def test_each_variable_of_make_run_stands_for_its_option() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nrun:")[2].partition("\n\n")[0]
    for variable, options, _ in COMMANDS.rows("variable", "option"):
        for code in codes(variable):
            assert f"$({code.partition('=')[0]})" in recipe
        assert codes(options)[0] in recipe


def test_every_benchmark_is_described() -> None:
    programs = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in (ROOT / "benchmarks").glob("[!p]*/*.py")
        if "__main__" in file.read_text()
    }
    described = {
        codes(row[0])[0].split()[0] for row in page("docs/benchmarks.md").rows("benchmark")
    }
    assert described == programs
