"""Log records from RabbitMQ, one in each message, to committed; against a bare kombu consumer.

Another program has published records, each in a message of its own. Ours: a real worker takes them
and stores them; the clock runs from when the broker gives it the first one to the last commit. The
peer takes the same messages from the same queue with the same prefetch, and only acknowledges each.
Both several times in turn; the medians count.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from time import perf_counter, sleep
from typing import Final

import psycopg
from kombu.connection import Connection
from kombu.entity import Exchange, Queue

from bench.row import Row
from notilog import clock, config
from notilog import settings as schema
from notilog.logs.batch import EXCHANGE, NAME, QUEUE
from notilog.logs.limits import LogsSettings
from notilog.ops.embedded import Program
from notilog.ops.services import services
from tests.servers import postgres, rabbitmq, redis
from tests.servers.process import running

SCALE: Final = float(os.environ.get("BENCH_SCALE", "1"))
MESSAGES: Final = max(5_000, int(60_000 * SCALE))
ROUNDS: Final = 3
TARGET: Final = 0.5
PATIENCE: Final = 180.0
ROOT: Final = Path(__file__).resolve().parents[1]


def run() -> list[Row]:
    """Start the servers, measure, stop them."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as name,
        postgres.cluster(Path(name) / "postgres") as cluster,
        cluster.fresh_database() as database,
        redis.server(Path(name) / "redis") as cache,
        rabbitmq.node(Path(name) / "rabbitmq") as broker,
    ):
        os.environ["NOTILOG_DATABASE_URL"] = database
        os.environ["NOTILOG_REDIS_URL"] = cache.url
        os.environ["NOTILOG_BROKER_URL"] = broker.url
        os.environ["NOTILOG_SECRET_KEY"] = token_hex()
        os.environ["PYTHONPATH"] = str(ROOT)
        schema.load()
        return [
            _measured("", Path(name), database, broker.url, id_of=lambda _: None),
            _measured(" and an id", Path(name), database, broker.url, id_of=lambda _: token_hex()),
        ]


def _measured(
    beside: str, folder: Path, database: str, broker: str, *, id_of: Callable[[int], str | None]
) -> Row:
    ours, peer = [], []
    for _ in range(ROUNDS):
        _publish(broker, id_of)
        peer.append(_bare_consumer(broker))
        _publish(broker, id_of)
        ours.append(_worker(folder, database, broker))
    through, bare = statistics.median(ours), statistics.median(peer)
    ratio = through / bare
    return Row(
        what=f"log records from RabbitMQ, one{beside} per message, to committed",
        ours=through,
        unit="records/s",
        peer_name="kombu consumer that only acks",
        peer=bare,
        ratio=ratio,
        target=f">= {TARGET:g}",
        met=ratio >= TARGET,
    )


def _publish(broker: str, id_of: Callable[[int], str | None]) -> None:
    with Connection(broker) as connection:
        channel = connection.default_channel
        Queue(exchange=Exchange(**EXCHANGE), **QUEUE)(channel).declare()
        for number in range(MESSAGES):
            given = id_of(number)
            message = channel.prepare_message(
                _record(number),
                content_type="application/json",
                properties={"delivery_mode": 2, **({"message_id": given} if given else {})},
            )
            channel.basic_publish(message, exchange=NAME, routing_key="shop.cart")
        _wait(lambda: _waiting(connection) == MESSAGES, "the broker's count")


def _record(number: int) -> bytes:
    record = {
        "ts": clock.now().isoformat(),
        "level": "info" if number % 10 else "error",
        "project": "shop",
        "module": ("cart", "stock", "mail")[number % 3],
        "host": f"web-{number % 4}",
        "message": f"Failed password for user {number} from 173.234.31.{number % 256} ssh2",
        "attrs": {"order": number},
    }
    return json.dumps(record).encode()


def _bare_consumer(broker: str) -> float:
    """Messages a second."""
    prefetch = str(config.section(LogsSettings).queue_prefetch)
    done = subprocess.run(
        (sys.executable, "-m", "bench.bare_consumer", broker, str(MESSAGES), prefetch),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    return MESSAGES / float(done.stdout)


def _worker(folder: Path, database: str, broker: str) -> float:
    """Records a second."""
    service = services(host="127.0.0.1", port=0, flower_port=0)["worker-logs"]
    program = Program((sys.executable, *service.command[1:]))
    with psycopg.connect(database, autocommit=True) as connection, Connection(broker) as queue:
        connection.execute("TRUNCATE log_records, log_counts, log_module_counts, log_batches")
        connection.execute("CHECKPOINT")
        with running(program, folder / "worker.log", cwd=folder):
            _wait(lambda: _waiting(queue) < MESSAGES, "the first message's delivery")
            begun = perf_counter()
            _wait(lambda: _stored(connection) == MESSAGES, "the last commit")
            return MESSAGES / (perf_counter() - begun)


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = perf_counter() + PATIENCE
    while not condition():
        if perf_counter() > deadline:
            raise TimeoutError(f"waited in vain for {what}, {PATIENCE:g} s")
        sleep(0.005)


def _waiting(connection: Connection) -> int:
    return int(connection.default_channel.queue_declare(NAME, passive=True).message_count)


def _stored(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT coalesce(sum(records), 0) FROM log_counts").fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    for measured in run():
        print(measured)
