"""Celery's settings, made from NotiLog's, for the workers, beat, Flower and the API's sender."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from kombu.entity import Exchange, Queue

from beat_schedule import beat_schedule as _beat_schedule
from notilog import config
from notilog import settings as schema
from notilog.config import Settings
from notilog.notifications.channels import CHANNELS
from notilog.notifications.deliveries import SEND
from notilog.queues import QUEUES, queue_of


def _loaded() -> Settings:
    try:
        return config.current()
    except LookupError:
        return schema.load()


def _queue(name: str) -> Queue:
    """A queue that RabbitMQ keeps on a quorum of its nodes; Redis knows no such arguments.

    It is reached by its name, through the default exchange. A Redis that was emptied has forgotten
    the bindings of every other exchange, and would drop what comes until its clients reconnect.
    """
    return Queue(name, Exchange(""), routing_key=name, queue_arguments={"x-queue-type": "quorum"})


def _to_its_channel(
    name: str, args: Sequence[Any] = (), *_: Any, **__: Any
) -> dict[str, str] | None:
    """Each channel has a queue of its own, so that it can have workers of its own."""
    if name != SEND or not args or args[0] not in CHANNELS:
        return None
    return {"queue": queue_of(args[0])}


_settings = _loaded()
_on_redis = urlsplit(_settings.core.broker).scheme.startswith("redis")
_socket: dict[str, Any] = {
    "health_check_interval": 25,
    "socket_connect_timeout": 4,
    "socket_keepalive": True,
    "socket_timeout": 30,
}

broker_url = _settings.core.broker
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_transport_options: dict[str, Any] = (
    # A message is taken off its list before it is acknowledged, and given back only after this
    # many seconds. Tasks are acknowledged when they start, so only those that wait for a free
    # place count: none waits for an hour.
    {"visibility_timeout": 3600, "priority_steps": [0], **_socket}
    if _on_redis
    else {"confirm_publish": True}
)

result_backend = _settings.core.redis_url.get_secret_value()
result_backend_transport_options = {"retry_policy": {"max_retries": 2, "interval_max": 0.5}}
result_expires = 3600
redis_backend_health_check_interval = _socket["health_check_interval"]
redis_socket_connect_timeout = _socket["socket_connect_timeout"]
redis_socket_keepalive = _socket["socket_keepalive"]

# Batches of log records do not travel as tasks, so nothing but JSON is ever a task.
accept_content = ["json"]
task_serializer = "json"
result_serializer = "json"

task_queues = [_queue(name) for name in QUEUES]
task_default_queue = "general"
task_routes = [
    _to_its_channel,
    {
        "bot.poll": {"queue": "observers"},
        "deliveries.*": {"queue": "deliveries"},
        "logs.*": {"queue": "logs"},
        "observers.run": {"queue": "observers"},
    },
]
task_ignore_result = True
task_publish_retry_policy = {"max_retries": 2, "interval_start": 0.1, "interval_max": 0.5}
task_send_sent_event = True
task_track_started = True

worker_pool = "workers.pool:AsyncPool"
worker_concurrency = 1000  # unless -c says otherwise
worker_prefetch_multiplier = 1
worker_disable_prefetch = _on_redis  # a full worker leaves messages to others; only Redis can
worker_cancel_long_running_tasks_on_connection_loss = True
worker_send_task_events = True
worker_hijack_root_logger = False

beat_schedule = _beat_schedule
beat_scheduler = "celery.beat:Scheduler"
timezone = "UTC"
