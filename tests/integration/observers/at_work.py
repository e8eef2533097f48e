"""Observers at work in real processes: a URL that is probed, and what is known of each observer."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

import celery
import psycopg
from psycopg.rows import dict_row

from tests.servers.process import wait_until

TICK = 1.0
LEASE = 4
INTERVAL = 1


@dataclass
class Probed:
    """A site that is asked; ``at`` are the instants."""

    url: str = ""
    at: list[float] = field(default_factory=list)
    status: int = 200

    def is_asked_again(self) -> Callable[[], bool]:
        before = len(self.at)
        return lambda: len(self.at) > before


@contextmanager
def site() -> Iterator[Probed]:
    made = Probed()

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.at.append(monotonic())
            self.send_response(made.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of observers."""

    database: str

    def row(self, observer_id: str) -> dict[str, Any]:
        with psycopg.connect(self.database, row_factory=dict_row) as connection:
            found = connection.execute("SELECT * FROM observers WHERE id = %s", [observer_id])
            return found.fetchone() or {}

    def urls(self) -> set[str]:
        with psycopg.connect(self.database) as connection:
            found = connection.execute("SELECT DISTINCT attrs->>'url' FROM log_records")
            return {url for (url,) in found}

    def records(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute("SELECT ts, message FROM log_records ORDER BY ts").fetchall()

    def fences(self) -> list[int]:
        with psycopg.connect(self.database) as connection:
            return [int(fence) for (fence,) in connection.execute("SELECT fence FROM leases")]

    def is_in(self, state: str, *observer_ids: str, worker: str = "") -> Callable[[], bool]:
        def holds() -> bool:
            rows = [self.row(one) for one in observer_ids]
            return all(
                row.get("state") == state and worker in (row.get("worker") or "") for row in rows
            )

        return holds


def wait_ticking(app: celery.Celery, condition: Callable[[], bool], what: str) -> float:
    """Seconds until it holds, while beat's task is sent every second."""
    began = monotonic()
    last = 0.0

    def ticking() -> bool:
        nonlocal last
        if monotonic() - last >= TICK:
            app.send_task("observers.reconcile")
            last = monotonic()
        return condition()

    wait_until(ticking, what)
    return monotonic() - began
