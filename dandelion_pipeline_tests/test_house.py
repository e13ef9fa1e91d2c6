"""The house rules about size, which no linter that we use knows."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("dandelion_pipeline", "serving")
EVERYTHING = (*PACKAGES, "dandelion_pipeline_tests", "benchmarks", "docker")
MOST_FILES, MOST_LINES, MOST_LINES_OF_A_FUNCTION = 14, 300, 50


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (ROOT / folder).rglob("*.py")


def test_no_room_is_crowded() -> None:
    files = Counter(path.parent for path in modules(*EVERYTHING) if path.name != "__init__.py")
    assert {str(room): n for room, n in files.items() if n > MOST_FILES} == {}


def test_no_file_is_long() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in modules(*EVERYTHING)}
    assert {str(path): n for path, n in lines.items() if n > MOST_LINES} == {}


def test_no_function_is_long() -> None:
    found = {}
    for path in modules(*EVERYTHING):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                first = node.body[1 if ast.get_docstring(node) and node.body[1:] else 0]
                lines = node.end_lineno - first.lineno + 1
                if lines > MOST_LINES_OF_A_FUNCTION:
                    found[f"{path}:{node.name}"] = lines
    assert found == {}


def test_each_room_says_what_it_is_for() -> None:
    rooms = [path for path in modules(*PACKAGES) if path.name == "__init__.py"]
    assert rooms
    assert [str(room) for room in rooms if not ast.get_docstring(ast.parse(room.read_text()))] == []
