"""docker-compose.yml runs exactly the commands that `notilog up` runs, and waits where it must."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from notilog.ops.services import services

ROOT = Path(__file__).parents[2]
OURS = services(host="0.0.0.0", port=8000, flower_port=5555)
SERVERS = ("db", "redis", "rabbitmq")
ASKED_FOR = ("kafka",)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return dict(content["services"])


@pytest.mark.parametrize("name", OURS)
def test_a_service_has_the_same_command_as_in_up(compose: dict[str, Any], name: str) -> None:
    assert tuple(compose[name]["command"]) == OURS[name].command


def test_there_is_no_other_service(compose: dict[str, Any]) -> None:
    assert set(compose) == {*OURS, *SERVERS, *ASKED_FOR, "migrate"}
    assert {name for name in compose if "profiles" in compose[name]} == {*ASKED_FOR}


@pytest.mark.parametrize("name", [*OURS, *SERVERS, *ASKED_FOR])
def test_a_service_starts_again_after_a_crash(compose: dict[str, Any], name: str) -> None:
    assert compose[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", [*SERVERS, *ASKED_FOR, *(name for name in OURS if name != "beat")])
def test_a_service_says_whether_it_is_well(compose: dict[str, Any], name: str) -> None:
    assert compose[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_waits_for_the_servers_and_the_migrations(
    compose: dict[str, Any], name: str
) -> None:
    waits = compose[name]["depends_on"]
    assert waits["migrate"]["condition"] == "service_completed_successfully"
    assert all(waits[server]["condition"] == "service_healthy" for server in SERVERS)


@pytest.mark.parametrize("name", [*SERVERS, *ASKED_FOR])
def test_a_server_keeps_its_data_in_a_volume(compose: dict[str, Any], name: str) -> None:
    (volume,) = compose[name]["volumes"]
    content = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert volume.partition(":")[0] in content["volumes"]


def test_no_password_stands_in_the_file(compose: dict[str, Any]) -> None:
    for service in compose.values():
        for name, value in service.get("environment", {}).items():
            if "PASS" in name or name.endswith("_URL") or "AUTH" in name:
                assert ":?set it in .env}" in value, name


def test_every_variable_of_the_file_is_in_the_example(compose: dict[str, Any]) -> None:
    example = (ROOT / ".env.example").read_text()
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "RABBITMQ_PASSWORD"):
        assert f"\n{name}=\n" in example
