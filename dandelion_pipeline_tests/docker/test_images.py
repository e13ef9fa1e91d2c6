"""What the Dockerfiles and .dockerignore promise."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "docker").glob("*/Dockerfile"))
FINAL_USERS = {"airflow", "dandelion", "mlflow"}


@pytest.fixture(params=DOCKERFILES, ids=lambda path: path.parent.name)
def dockerfile(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text().replace("\\\n", " ")


def instructions(dockerfile: str, word: str) -> list[str]:
    return re.findall(rf"^{word} +(.*)$", dockerfile, re.MULTILINE)


def final_stage(dockerfile: str) -> str:
    return dockerfile[dockerfile.rindex("\nFROM ") :]


def locked(image: str) -> set[str]:
    lock = (ROOT / "requirements" / f"{image}.txt").read_text()
    return set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))


def test_there_is_an_image_for_each_of_our_services() -> None:
    names = {path.parent.name for path in DOCKERFILES}
    assert names == {"airflow", "dagster", "mlflow", "serving", "webapp"}


def test_every_base_is_pinned(dockerfile: str) -> None:
    for base in instructions(dockerfile, "FROM"):
        if base.split()[0] not in {"dependencies", "package"}:
            assert re.match(r"[\w/]+:\d+\.\d+\.\d+-", base), base


def test_the_python_of_all_stages_is_the_same(dockerfile: str) -> None:
    bases = {base.split()[0] for base in instructions(dockerfile, "FROM") if "python:" in base}
    assert len(bases) == 1


def test_no_container_of_ours_runs_as_root(dockerfile: str) -> None:
    assert instructions(final_stage(dockerfile), "USER")[-1] in FINAL_USERS


def test_only_hashed_packages_get_in(dockerfile: str) -> None:
    installs = re.findall(r"pip [^&]*\binstall\b[^&\n]*", dockerfile)
    assert installs
    for install in installs:
        assert "--require-hashes" in install or "--no-deps" in install, install
    assert instructions(dockerfile, "ARG") in (["PIP_INDEX_URL"], ["PIP_INDEX_URL"] * 2)


def test_the_last_stage_installs_nothing(dockerfile: str) -> None:
    for command in instructions(final_stage(dockerfile), "RUN"):
        assert not re.search(r"\b(pip|apt-get|curl|wget)\b", command), command


def test_a_read_only_root_is_never_written_to_by_python(dockerfile: str) -> None:
    assert "PYTHONDONTWRITEBYTECODE=1" in " ".join(instructions(final_stage(dockerfile), "ENV"))


def test_no_file_needs_a_frontend_or_names_an_index(dockerfile: str) -> None:
    assert "# syntax=" not in dockerfile
    assert not re.search(r"https?://(?!127\.0\.0\.1)", dockerfile)


@pytest.mark.parametrize(
    ("image", "barred"),
    [
        ("serving", {"torch", "torchvision", "dagster", "mlflow", "streamlit", "boto3"}),
        ("webapp", {"torch", "torchvision", "dagster", "mlflow", "onnxruntime", "boto3"}),
        ("mlflow", {"torch", "torchvision", "dagster", "streamlit"}),
        ("airflow", {"torch", "torchvision", "dagster", "mlflow", "boto3"}),
    ],
)
def test_an_image_is_light(image: str, barred: set[str]) -> None:
    assert not barred & locked(image)


def test_dagster_speaks_to_postgresql() -> None:
    assert {"dagster", "dagster-postgres", "psycopg2-binary", "torch"} <= locked("dagster")


def test_all_is_kept_out_of_a_build_but_what_is_named() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    named = {rule[1:] for rule in rules if rule.startswith("!")}
    assert not {name for name in named if re.match(r"\.|dandelion_pipeline_tests|drop|\*", name)}
    assert {"**/.env*", "**/__pycache__"} <= set(rules[len(named) :])


def test_what_a_dockerfile_copies_is_let_in(dockerfile: str) -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    named = tuple(line[1:] for line in lines if line.startswith("!"))
    for copied in instructions(dockerfile, "COPY"):
        *sources, _ = copied.split()
        for source in sources if not sources[0].startswith("--from") else []:
            assert source.startswith(named), source
            assert (ROOT / source).exists(), source
