"""The services that make up the platform: what `notilog up` and docker-compose.yml both run."""

from dataclasses import dataclass

from notilog.queues import DELIVERIES


@dataclass(frozen=True, slots=True)
class Service:
    """One long-running program of the platform, and the colour of its label on a terminal."""

    command: tuple[str, ...]
    colour: str


WORKERS = {
    "general": (",".join(("general", *DELIVERIES)), 200, "cyan"),
    "logs": ("logs", 20, "blue"),
    "observers": ("observers", 1000, "magenta"),
}
"""Each kind of worker: its queues, how many tasks it runs at once, and its colour."""

API_PROCESSES = 2
"""One process of Python uses one core; a second keeps answering while the first parses a batch."""


def services(*, host: str, port: int, flower_port: int) -> dict[str, Service]:
    """Every service by name."""
    workers = {
        f"worker-{name}": Service(_worker(name, queues, concurrency), colour)
        for name, (queues, concurrency, colour) in WORKERS.items()
    }
    return {
        "api": Service(_api(host, port), "green"),
        **workers,
        "beat": Service(_celery("beat"), "bright_green"),
        "flower": Service(
            _celery("flower", f"--address={host}", f"--port={flower_port}"), "yellow"
        ),
    }


def _api(host: str, port: int) -> tuple[str, ...]:
    return (
        *("python", "-m", "api"),
        *("--host", host, "--port", str(port)),
        *("--workers", str(API_PROCESSES)),
    )


def _worker(name: str, queues: str, concurrency: int) -> tuple[str, ...]:
    return _celery("worker", "-n", f"{name}@%h", "-Q", queues, "-c", str(concurrency))


def _celery(*arguments: str) -> tuple[str, ...]:
    return ("python", "-m", "celery", "--quiet", "-A", "workers.app", *arguments)
