"""The Python on the pages runs, and the files that they name exist."""

import ast
import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from dandelion_pipeline.storage.objects.location import open_store
from dandelion_pipeline_tests.data.tiny_models import YELLOW, photo, publish
from dandelion_pipeline_tests.documentation.pages import (
    DECISIONS,
    GUIDE,
    ROOT,
    Page,
    codes,
    findings,
    page,
)
from dandelion_pipeline_tests.serving.conftest import api_on

PYTHON = [
    (one.name, fence.text) for one in GUIDE for fence in one.fences if fence.language == "python"
]
_PATH = re.compile(r"[\w./-]+(?:\.(?:py|yml|yaml|md|toml|txt)|/)")
_OURS = re.compile(r"(?:dandelion_pipeline(?:_tests)?|serving|benchmarks)(?:\.\w+)+")
_FOLDERS = (
    *("dandelion_pipeline", "dandelion_pipeline_tests", "serving"),
    *("benchmarks", "docker", "docs", "requirements"),
)


def code_of(name: str) -> str:
    (code,) = [text for where, text in PYTHON if where == name]
    return code


@pytest.mark.parametrize(("name", "code"), PYTHON)
def test_every_name_that_a_block_imports_is_there(name: str, code: str) -> None:
    for node in ast.walk(ast.parse(code, name)):
        if isinstance(node, ast.Import):
            assert all(find_spec(one.name) for one in node.names)
        if isinstance(node, ast.ImportFrom):
            module = import_module(node.module or "")
            assert all(hasattr(module, one.name) for one in node.names)


def test_the_program_that_asks_the_api_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store((tmp_path / "store").as_uri())
    publish(store, "20260101-000000-abcdef01")
    (tmp_path / "photo.jpg").write_bytes(photo(YELLOW))
    monkeypatch.chdir(tmp_path)
    with api_on(store) as client:
        code = code_of("docs/using.md").replace(
            "http://127.0.0.1:8000", str(client.base_url).rstrip("/")
        )
        exec(compile(code, "docs/using.md", "exec"), {})  # noqa: S102  it is our own
    assert capsys.readouterr().out == "dandelion 20260101-000000-abcdef01\n"


def test_the_program_that_reads_the_prediction_log_runs(tmp_path: Path) -> None:
    code = code_of("docs/serving.md").replace("s3://dandelion/store", tmp_path.as_uri())
    exec(compile(code, "docs/serving.md", "exec"), {})  # noqa: S102  it is our own


def test_every_file_and_module_that_is_named_exists() -> None:
    assert (
        findings([*GUIDE, *DECISIONS], lambda one: list(filter(is_missing, one.inline_code))) == {}
    )


def is_missing(code: str) -> bool:
    """Whether it looks like a file or a module of ours, and is none."""
    if _OURS.fullmatch(code):
        return not is_there(code)
    if not _PATH.fullmatch(code):
        return False
    if code.split("/", maxsplit=1)[0] in _FOLDERS:
        return not (ROOT / code).exists()
    # A page about one package leaves its name out.
    return code.endswith(".py") and not any(path.endswith(f"/{code}") for path in our_files())


@cache
def our_files() -> list[str]:
    return [file.as_posix() for folder in _FOLDERS for file in (ROOT / folder).rglob("*.py")]


def is_there(dotted: str) -> bool:
    """Whether it is a module of ours, or a name in one."""
    parent, _, name = dotted.rpartition(".")
    path = ROOT / dotted.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    return "." in parent and is_there(parent) and hasattr(import_module(parent), name)


@pytest.mark.parametrize("package", ["dandelion_pipeline", "serving"])
def test_the_architecture_shows_every_room(package: str) -> None:
    rows = page("docs/architecture.md").rows(f"room in `{package}`")
    folders = {f"{one.parent.name}/" for one in (ROOT / package).glob("*/__init__.py")}
    assert {code for row in rows for code in codes(row[0])} >= folders


def test_every_decision_is_indexed_with_its_state() -> None:
    rows = {row[1]: row for row in page("docs/adr/README.md").rows("number", "decision", "state")}
    records = [one for one in DECISIONS if one.path.name != "README.md"]
    assert len(rows) == len(records)
    for record in records:
        number = int(record.path.name[:4])
        assert record.text.startswith(f"# {number}. "), record.name
        (row,) = [row for cell, row in rows.items() if f"({record.path.name})" in cell]
        assert row[0] == str(number)
        assert row[2] == state_of(record), record.name


def state_of(record: Page) -> str:
    """What the index says of a record: whether it holds, and which ones changed it."""
    change = re.search(r"^(Superseded|Extended)( in part)?\b.*$", record.text, re.MULTILINE)
    if change is None:
        return "holds"
    by = f"{change[1].lower()}{change[2] or ''} by " + " and ".join(
        re.findall(r"\[ADR (\d+)\]", change[0])
    )
    return by if change[1] == "Superseded" and not change[2] else f"holds; {by}"
