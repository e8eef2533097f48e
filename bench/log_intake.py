"""Log records from HTTP to committed, against a raw COPY of the same rows into the same table.

Ours: clients post batches of 1,000 records to a real API of two processes, a real worker stores
them, and the clock stops when the last one is committed. The peer: psycopg copies the very rows
that were stored, formatted as text beforehand, in one stream. Both several times in turn; the
first round warms up, of the others the medians count.
"""

import asyncio
import http.client
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from secrets import token_hex
from time import perf_counter, sleep
from typing import Final

import psycopg

from bench.row import Row
from notilog import clock
from notilog import settings as schema
from notilog.db.session import close_database, open_database, transaction
from notilog.ops.embedded import Program
from notilog.ops.services import services
from notilog.users import accounts, sessions
from notilog.users.accounts import Name, NewAccount
from tests.servers import postgres, redis
from tests.servers.process import running, wait_until
from tests.servers.rabbitmq import free_port

SCALE: Final = float(os.environ.get("BENCH_SCALE", "1"))
BATCH: Final = 1_000
BATCHES: Final = max(20, int(300 * SCALE))
CLIENTS: Final = 8
ROUNDS: Final = 6
TARGET: Final = 0.5
PATIENCE: Final = 120.0
ROOT: Final = Path(__file__).resolve().parents[1]


def run() -> list[Row]:
    """Start everything, measure, stop everything."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        postgres.cluster(Path(folder) / "postgres") as cluster,
        cluster.fresh_database() as database,
        redis.server(Path(folder) / "redis") as broker,
    ):
        _configure(database, broker.url)
        with _platform(Path(folder)) as port:
            headers = {
                "Authorization": f"Bearer {asyncio.run(_session())}",
                "Content-Type": "application/json",
            }
            return [_measured(database, port, headers)]


def _configure(database: str, broker: str) -> None:
    os.environ["NOTILOG_DATABASE_URL"] = database
    os.environ["NOTILOG_REDIS_URL"] = broker
    os.environ["NOTILOG_SECRET_KEY"] = token_hex()
    os.environ["PYTHONPATH"] = str(ROOT)


@contextmanager
def _platform(folder: Path) -> Iterator[int]:
    port = free_port()
    table = services(host="127.0.0.1", port=port, flower_port=0)
    serve, work = (
        Program((sys.executable, *table[name].command[1:])) for name in ("api", "worker-logs")
    )
    log = folder / "worker.log"
    with (
        running(serve, folder / "api.log", cwd=folder),
        running(work, log, cwd=folder),
    ):
        wait_until(lambda: _answers(port), "the API's start")
        wait_until(lambda: "ready." in log.read_text(), "the worker's start")
        yield port


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/health/live")
    return connection.getresponse().status == http.HTTPStatus.OK


async def _session() -> str:
    await open_database(schema.load())
    account = NewAccount(login="bench", name=Name(first="Bench", last="Mark"))
    async with transaction() as tx:
        row = await accounts.create(tx, account, password_hash=None)
        opened = await sessions.open_session(tx, row.id, now=clock.now())
    await close_database()
    return opened.id


def _measured(database: str, port: int, headers: dict[str, str]) -> Row:
    bodies = [_body(number) for number in range(BATCHES)]
    ours, peer = [], []
    for _ in range(ROUNDS):
        _empty(database)
        ours.append(_through_http(database, port, headers, bodies=bodies))
        rows = _as_text(database)
        _empty(database)
        peer.append(_raw_copy(database, rows))
    records = BATCH * BATCHES
    through, raw = (records / statistics.median(seconds[1:]) for seconds in (ours, peer))
    ratio = through / raw
    return Row(
        what="log records, HTTP to committed",
        ours=through,
        unit="records/s",
        peer_name="raw COPY of the same rows",
        peer=raw,
        ratio=ratio,
        target=f">= {TARGET:g}",
        met=ratio >= TARGET,
    )


def _body(number: int) -> bytes:
    """A batch like those that programs send: no two messages are the same."""
    now = clock.now()
    records = [
        {
            "ts": now.isoformat(),
            "level": "info" if place % 10 else "error",
            "project": "shop",
            "module": ("cart", "stock", "mail")[place % 3],
            "host": f"web-{place % 4}",
            "message": f"Failed password for user {number} from 173.234.31.{place % 256} "
            f"port {place + 30_000} ssh2",
            "attrs": {"order": number * BATCH + place},
        }
        for place in range(BATCH)
    ]
    return json.dumps(records).encode()


def _through_http(
    database: str, port: int, headers: dict[str, str], *, bodies: list[bytes]
) -> float:
    """Seconds from the first request to the last commit."""
    begun = perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        shares = [bodies[client::CLIENTS] for client in range(CLIENTS)]
        list(clients.map(partial(_post, port, headers), shares))
    with psycopg.connect(database, autocommit=True) as connection:
        while _committed(connection) < BATCH * len(bodies):
            if perf_counter() - begun > PATIENCE:
                raise TimeoutError("the worker does not store what was accepted")
            sleep(0.002)
    return perf_counter() - begun


def _post(port: int, headers: dict[str, str], bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for body in bodies:
        connection.request("POST", "/api/v1/logs", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.ACCEPTED:
            raise RuntimeError(f"{answer.status}: {text!r}")
    connection.close()


def _committed(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT coalesce(sum(records), 0) FROM log_batches").fetchone()
    return int(row[0]) if row else 0


def _empty(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE log_records, log_counts, log_module_counts, log_batches")
        connection.execute("CHECKPOINT")


def _as_text(database: str) -> bytes:
    with (
        psycopg.connect(database) as connection,
        connection.cursor() as cursor,
        cursor.copy("COPY (SELECT * FROM log_records) TO STDOUT") as copy,
    ):
        return b"".join(bytes(block) for block in copy)


def _raw_copy(database: str, rows: bytes) -> float:
    with psycopg.connect(database) as connection:
        begun = perf_counter()
        with connection.cursor() as cursor, cursor.copy("COPY log_records FROM STDIN") as copy:
            copy.write(rows)
        connection.commit()
        return perf_counter() - begun


if __name__ == "__main__":
    for measured in run():
        print(measured)
