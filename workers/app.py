"""The Celery app of the workers, beat and Flower; the API sends tasks to it by name."""

import sys
from typing import Any

import celery
from celery import signals

from notilog import config, log_output
from notilog import settings as schema
from notilog.fallbacks import ConfigurationError
from workers.log_intake import LogIntake
from workers.readiness import announce
from workers.task import CoroutineTask


def _configure() -> None:
    try:
        schema.load()
    except ConfigurationError as error:
        sys.exit(f"notilog: {error}")


def _log_as_worker(*, sender: str, **_: Any) -> None:
    log_output.configure(config.current(), process=sender)


def _log_as_beat(**_: Any) -> None:
    log_output.configure(config.current(), process="beat")


def _keep_our_logging(**_: Any) -> None:
    """Celery leaves logging alone once somebody listens to this signal."""


def _begin_with_zone_rules(**_: Any) -> None:
    """After an upgrade of the tz database instants are found again before anything falls due."""
    app.send_task("calendar.follow_zone_rules")


_configure()
app = celery.Celery(
    "notilog",
    task_cls=CoroutineTask,
    config_source="celeryconfig",
    include=[
        "workers.control",
        "workers.deliveries",
        "workers.calendar",
        "workers.logs",
        "workers.users",
    ],
)
app.steps["worker"].add(LogIntake)
signals.celeryd_init.connect(_log_as_worker)
signals.beat_init.connect(_log_as_beat)
signals.beat_init.connect(_begin_with_zone_rules)
signals.worker_ready.connect(announce)
signals.setup_logging.connect(_keep_our_logging)
if "flower" in sys.argv:  # Flower sends no signal, and keeps the handlers that it finds
    log_output.configure(config.current(), process="flower")
