"""How processes, queues, servers and pools are, for Prometheus."""

from collections.abc import Collection
from typing import Final

from notilog.health.judging import Seen, complaints
from notilog.health.servers import SERVERS
from notilog.metrics.gauges import Gauge, Reading

WORKERS: Final = Gauge("notilog_workers", "Workers that gave a sign of life, by queue.", ("queue",))
TASKS: Final = Gauge("notilog_worker_tasks", "Tasks that a worker runs.", ("worker",))
LIMITS: Final = Gauge("notilog_worker_tasks_limit", "Tasks that it may run at most.", ("worker",))
NODES: Final = Gauge("notilog_api_processes", "Processes of the API that gave a sign of life.")
BEAT: Final = Gauge("notilog_beat_age_seconds", "Since beat was heard of.")
WAITING: Final = Gauge(
    "notilog_queue_waiting", "Messages that wait, as of the last beat.", ("queue",)
)
PROBLEMS: Final = Gauge(
    "notilog_problems", "How many things are wrong; GET /api/v1/health names them."
)
ANSWERS: Final = Gauge(
    "notilog_server_answers", "1 for a server that answers this process, else 0.", ("server",)
)
HOSTS: Final = Gauge(
    "notilog_database_host_answers",
    "1 for a host of the database that answers this process, else 0.",
    ("host",),
)
USED: Final = Gauge(
    "notilog_database_connections",
    "Connections to a host of the database that a process has in use, as of its newest sign.",
    ("process", "host"),
)
MOST: Final = Gauge(
    "notilog_database_connections_limit",
    "Connections that it may have at most.",
    ("process", "host"),
)
SOCKETS: Final = Gauge(
    "notilog_sockets", "Sockets that are open, of people and of agents.", ("of",)
)
SUBSCRIPTIONS: Final = Gauge(
    "notilog_socket_subscriptions", "Subscriptions of people's sockets.", ("topic",)
)


def readings(seen: Seen, *, queues: Collection[str]) -> list[Reading]:
    """What follows from what is known of the platform."""
    pools = [(name, host) for name, hosts in seen.pools.items() for host in hosts]
    age = None if seen.beat_at is None else max(0.0, (seen.now - seen.beat_at).total_seconds())
    return [
        WORKERS.by({one: sum(one in worker.queues for worker in seen.living) for one in queues}),
        TASKS.by({worker.name: worker.running for worker in seen.living}),
        LIMITS.by({worker.name: worker.limit for worker in seen.living}),
        NODES.shows(len(seen.living_nodes)),
        BEAT.shows(age),
        WAITING.by(seen.waiting),
        PROBLEMS.shows(len(complaints(seen, queues=queues))),
        ANSWERS.by({server: server not in seen.failing for server in SERVERS}),
        HOSTS.by({host.name: host.role is not None for host in seen.hosts}),
        SOCKETS.by(seen.sockets),
        SUBSCRIPTIONS.by(seen.subscriptions),
        Reading(USED, {(name, host.name): host.used for name, host in pools}),
        Reading(MOST, {(name, host.name): host.most for name, host in pools}),
    ]
