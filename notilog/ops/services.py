"""The services that make up the platform: what `notilog up` and docker-compose.yml both run."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field, SecretStr

from notilog.config import Section


class FlowerSettings(Section):
    """Who may look into Flower."""

    section: ClassVar[str] = "flower"

    login: str = Field("admin", min_length=1, pattern="^[^:]+$", description="name to sign in with")
    password: SecretStr | None = Field(
        None, description="password to sign in with; `notilog up` makes one and keeps it"
    )


@dataclass(frozen=True, slots=True)
class Service:
    """One long-running program of the platform, and the colour of its label on a terminal."""

    command: tuple[str, ...]
    colour: str


def services(*, host: str, port: int, flower_port: int) -> dict[str, Service]:
    """Every service by name, in the order of starting; the reverse is the order of stopping."""
    return {
        "api": Service(_api(host, port), "green"),
        "worker-general": Service(_worker("general", "general,deliveries", 200), "cyan"),
        "worker-logs": Service(_worker("logs", "logs", 20), "blue"),
        "worker-observers": Service(_worker("observers", "observers", 1000), "magenta"),
        "flower": Service(
            _celery("flower", f"--address={host}", f"--port={flower_port}"), "yellow"
        ),
        "beat": Service(_celery("beat"), "white"),
    }


def ping(*nodes: str) -> tuple[str, ...]:
    """The command that succeeds once every one of these worker nodes answers."""
    return _celery("inspect", "ping", f"--destination={','.join(nodes)}", "--timeout=2")


def _api(host: str, port: int) -> tuple[str, ...]:
    return (
        *("python", "-m", "uvicorn", "api.main:app"),
        *("--host", host, "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools"),
        *("--no-access-log", "--no-server-header"),
        *("--timeout-graceful-shutdown", "2"),
    )


def _worker(name: str, queues: str, concurrency: int) -> tuple[str, ...]:
    return _celery("worker", "-n", f"{name}@%h", "-Q", queues, "-c", str(concurrency))


def _celery(*arguments: str) -> tuple[str, ...]:
    return ("python", "-m", "celery", "-A", "workers.app", *arguments)
