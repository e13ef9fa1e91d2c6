"""What docker-compose.yml and .env.example promise.

test_images.py has what the images promise, test_init_scripts.py and test_minio_init.py the rest.
"""

import json
import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text()

_SECRET = re.compile(r"KEY|SECRET|PASSWORD|TOKEN|ROOT_USER|SALT")
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<otherwise>[^}]*)\}|\$(?P<bare>\w+)")


ADDRESSES = {"9000", "9001", "5433", "6379", "5001", "3000", "8080", "8000", "8501", "80", "443"}
MADE_BY_MAKE_ENV = {"${DANDELION_DROP_FOLDER:-./drop}", "./api-keys"}


def used_variables() -> list[tuple[str, str]]:
    """Each ``${NAME…}`` of the compose file with what stands after its name."""
    text = json.dumps(COMPOSE).replace("$$", "")  # without comments, and without escaped dollars
    return [(m["name"] or m["bare"], m["otherwise"] or "") for m in _VARIABLE.finditer(text)]


def by_default(text: str) -> str:
    """What compose reads where `.env` sets nothing."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def example_values() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE))


def is_one_shot(service: dict[str, Any]) -> bool:
    return bool(service["restart"] == "no")


def waits_for(service: dict[str, Any]) -> dict[str, Any]:
    return dict(service.get("depends_on", {}))


@pytest.fixture(params=SERVICES, ids=str)
def service(request: pytest.FixtureRequest) -> dict[str, Any]:
    return SERVICES[request.param]


def test_nothing_but_this_machine_reaches_a_port(service: dict[str, Any]) -> None:
    for port in service.get("ports", []):
        address = (
            port.get("host_ip") if isinstance(port, dict) else by_default(port).partition(":")[0]
        )
        assert address == "127.0.0.1", port


def test_only_the_edge_can_be_told_to_listen_to_others() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:" if name != "edge" else "${DANDELION_EDGE_ADDRESS:-")


def test_every_image_is_pinned(service: dict[str, Any]) -> None:
    tag = re.search(r":([^:/]+)$", service["image"])
    assert tag, service["image"]
    assert re.search(r"\d+[.-]\d+", tag[1]), "a moving tag is another program tomorrow"


def test_what_we_build_is_named_after_its_folder_and_comes_from_the_whole_tree() -> None:
    ours = {name: s for name, s in SERVICES.items() if "build" in s}
    assert ours
    for service in ours.values():
        image = service["image"].partition(":")[0].removeprefix("dandelion-")
        build = service["build"]
        assert (build["context"], build["dockerfile"]) == (".", f"docker/{image}/Dockerfile")
        assert build["args"] == ["PIP_INDEX_URL"]  # no value: whoever builds has their own


def test_the_addresses_are_those_of_the_design() -> None:
    mapped = [port for s in SERVICES.values() for port in s.get("ports", [])]
    addresses = {by_default(port).split(":")[1] for port in mapped}
    assert len(mapped) == len(addresses)
    assert addresses == ADDRESSES


def test_every_service_tells_its_health_or_ends(service: dict[str, Any]) -> None:
    if is_one_shot(service):
        assert "healthcheck" not in service
    else:
        assert service["healthcheck"]["test"]
        assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_is_ready_not_merely_started(name: str) -> None:
    for other, how in waits_for(SERVICES[name]).items():
        expected = (
            "service_completed_successfully" if is_one_shot(SERVICES[other]) else "service_healthy"
        )
        assert how == {"condition": expected}, other


def test_only_the_stores_wait_for_nothing() -> None:
    assert {name for name, s in SERVICES.items() if not waits_for(s)} == {
        "minio",
        "postgres",
        "redis",
        "archive",
    }


def test_a_laptop_leaves_out_airflow_and_its_redis_and_nothing_else() -> None:
    optional = {name for name, s in SERVICES.items() if s.get("profiles") == ["airflow"]}
    assert optional == {name for name in SERVICES if name.startswith("airflow-")} | {"redis"}
    assert {name for name, s in SERVICES.items() if s.get("profiles")} == optional | {
        "archive",
        "edge",
    }
    for name in set(SERVICES) - optional:  # compose would refuse to start them without the profile
        assert not (optional | {"edge"}) & set(waits_for(SERVICES[name])), name


def test_only_a_stack_with_airflow_knows_an_address_of_it() -> None:
    assert SERVICES["dagster-code"]["environment"]["DANDELION_AIRFLOW_URL"] is None
    address = "DANDELION_AIRFLOW_URL=http://airflow-api:8080"
    for profiles in ("airflow", "airflow edge", "edge", ""):
        command = ["make", "-n", "COMPOSE=compose", f"PROFILES={profiles}", "compose-up"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        said = subprocess.run(
            command, cwd=ROOT, check=True, capture_output=True, text=True, env=environment
        ).stdout
        assert (address in said) == ("airflow" in profiles), profiles


def test_no_service_gains_privileges(service: dict[str, Any]) -> None:
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    # Two images of others give a volume to their own user, and go on as that user.
    if service["image"].startswith("caddy:"):
        assert service["cap_add"] == ["NET_BIND_SERVICE"]
    elif not re.match("postgres:|redis:", service["image"]):
        assert "cap_add" not in service


def test_what_we_build_writes_only_where_it_is_told(service: dict[str, Any]) -> None:
    if "build" in service:
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - the path in the container


def test_boto3_and_obstore_sign_for_the_same_region(service: dict[str, Any]) -> None:
    environment = service["environment"]
    if "AWS_ENDPOINT_URL" in environment:
        assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"]


def test_links_to_mlflow_open_where_its_port_is_mapped() -> None:
    (port,) = SERVICES["mlflow"]["ports"]
    link = SERVICES["dagster-code"]["environment"]["DANDELION_MLFLOW_UI_URL"]
    assert by_default(link) == f"http://{by_default(port).removesuffix(':5001')}"
    (port,) = SERVICES["airflow-api"]["ports"]
    link = SERVICES["dagster-code"]["environment"]["DANDELION_AIRFLOW_UI_URL"]
    assert by_default(link) == f"http://{by_default(port).removesuffix(':8080')}"


def test_mlflow_answers_under_the_name_that_links_have() -> None:
    dagster, mlflow = (SERVICES[name]["environment"] for name in ("dagster-code", "mlflow"))
    link = dagster["DANDELION_MLFLOW_UI_URL"]
    assert mlflow["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == link  # its page sends searches as POST
    hosts = mlflow["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert hosts.startswith("mlflow:5001,${DANDELION_MLFLOW_HOSTS:-")
    allowed = by_default(hosts).split(",")
    for url in (by_default(link), dagster["MLFLOW_TRACKING_URI"]):
        assert any(fnmatch(urlsplit(url).netloc, one) for one in allowed), url


def test_every_service_has_a_limit_of_memory(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+[mg]", by_default(service["mem_limit"]))


def test_people_who_wait_go_before_a_training() -> None:
    shares = {name: service.get("cpu_shares", 1024) for name, service in SERVICES.items()}
    assert shares["api"] >= 4 * shares["dagster-code"]


def test_keys_are_read_from_a_folder_that_the_api_can_see() -> None:
    api = SERVICES["api"]
    assert api["environment"]["DANDELION_API_KEYS_FILE"] is None
    assert "./api-keys:/api-keys:ro" in api["volumes"]


def test_every_file_that_is_mounted_exists_and_stays_as_it_is(service: dict[str, Any]) -> None:
    for volume in service.get("volumes", []):
        source, _, mode = re.fullmatch(r"(\$\{[^}]*\}|[^:]+):([^:]+):?(\w*)", volume).groups()  # type: ignore[union-attr]
        if source.startswith((".", "$")):
            assert (ROOT / source).exists() or source in MADE_BY_MAKE_ENV, (
                "Docker would make an empty folder of that name"
            )
            assert mode == "ro"
        else:
            assert source in COMPOSE["volumes"]


def test_a_backup_has_every_volume() -> None:
    mounted = {v for v in SERVICES["archive"]["volumes"] if not v.startswith(".")}
    assert mounted == {f"{name}:/volumes/{name}" for name in COMPOSE["volumes"]}


def test_no_secret_has_a_default() -> None:
    secrets = [(name, rest) for name, rest in used_variables() if _SECRET.search(name)]
    assert secrets
    for name, otherwise in secrets:
        assert re.match(rf":\?{name} .*\.env", otherwise), f"{name}: refuse it empty, and say why"


def test_no_secret_is_written_down(service: dict[str, Any]) -> None:
    for name, value in service.get("environment", {}).items():
        if _SECRET.search(name):
            assert value is None or re.fullmatch(r"\$\{" + name + r":\?[^}]+\}", value), name
        if value is not None:
            assert not re.search(r"://[^$@]*:[^$@]+@", value), f"{name}: a password in a URL"
    for name, value in example_values().items():
        assert not (_SECRET.search(name) and value), name


def test_the_example_names_every_variable_and_no_other() -> None:
    assert set(example_values()) == {name for name, _ in used_variables()}


def test_the_example_names_what_is_handed_on_without_a_default() -> None:
    environments = [service["environment"].items() for service in SERVICES.values()]
    handed_on = {name for pairs in environments for name, value in pairs if value is None}
    assert handed_on
    assert set(re.findall(r"^#(\w+)=$", EXAMPLE, re.MULTILINE)) == handed_on


def test_the_example_shows_the_defaults() -> None:
    defaults = {name: rest[2:] for name, rest in used_variables() if rest.startswith(":-")}
    assert defaults
    assert {name: example_values()[name] for name in defaults} == defaults


def test_compose_1_29_understands_the_file() -> None:
    assert "name" not in COMPOSE
    assert "configs" not in COMPOSE
    assert not [s for s in SERVICES.values() if "start_interval" in s.get("healthcheck", {})]
