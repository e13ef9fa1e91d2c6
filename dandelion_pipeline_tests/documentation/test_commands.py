"""Every command that the documentation names exists, and it names every command that exists."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise

from dandelion_pipeline_tests.documentation.commands import (
    all_commands,
    calls_of,
    command_lines,
    make_targets,
    options_of,
    wrong_with_dandelion,
    wrong_with_make,
)
from dandelion_pipeline_tests.documentation.pages import (
    DECISIONS,
    GUIDE,
    ROOT,
    Page,
    codes,
    findings,
    page,
)

COMMANDS = page("docs/commands.md")
PAGES = [*GUIDE, *DECISIONS]


def test_every_make_target_and_variable_is_in_the_makefile() -> None:
    assert findings(PAGES, lambda one: wrong_calls(one, "make", wrong_with_make)) == {}


def test_every_command_and_option_is_in_the_command_line() -> None:
    assert findings(PAGES, lambda one: wrong_calls(one, "dandelion", wrong_with_dandelion)) == {}


def test_every_module_that_is_run_exists() -> None:
    assert findings(PAGES, missing_modules) == {}


def wrong_calls(one: Page, program: str, wrong: Callable[[list[str]], list[str]]) -> list[str]:
    return [" ".join([program, *words]) for words in calls_of(one, program) if wrong(words)]


def missing_modules(one: Page) -> list[str]:
    run = [
        module
        for words in command_lines(one)
        for flag, module in pairwise(words)
        if flag == "-m" and "." in module and not module.endswith("…")
    ]
    return [module for module in run if not find_spec(module)]


def test_every_make_target_is_described() -> None:
    described = {word for arguments in calls_of(COMMANDS, "make") for word in arguments}
    assert make_targets() - described <= {"help"}


def test_every_command_is_described_with_all_its_options() -> None:
    for words, command in all_commands().items():
        rows = [row for row in COMMANDS.rows("command", "what it does") if is_about(row[0], words)]
        assert rows, f"dandelion {words} is in no table"
        if words == "run":  # its options have a table of their own
            rows = COMMANDS.rows("variable", "option")
        assert set(re.findall(r"--[a-z0-9-]+", str(rows))) == options_of(command), words


def is_about(cell: str, words: str) -> bool:
    return any(f"{code} ".startswith(f"dandelion {words} ") for code in codes(cell))


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
