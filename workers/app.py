"""The Celery app of the workers, beat and Flower; the API sends tasks to it by name."""

import gc
import os
import sys
import warnings
from typing import Any

import celery
import celery.apps.worker
import structlog
from celery import signals
from celery.exceptions import SecurityWarning

from notilog import config, log_output
from notilog import settings as schema
from notilog.fallbacks import ConfigurationError
from workers.log_intake import LogIntake
from workers.readiness import announce
from workers.signs import Signs
from workers.task import CoroutineTask

log = structlog.get_logger(__name__)

_say = celery.apps.worker.safe_say


def _say_on_stderr(message: str, file: Any = sys.__stderr__) -> None:
    """What Celery says on stdout when it stops is told by `_tell_of_stopping` in our format."""
    if file is not sys.__stdout__:
        _say(message, file)


def _tell_of_stopping(*, sig: str, how: str, **_: Any) -> None:
    log.info("worker_stops", signal=sig, how=how.lower())


def _configure() -> None:
    try:
        schema.load()
    except ConfigurationError as error:
        sys.exit(f"notilog: {error}")


def _log_as_worker(*, sender: str, **_: Any) -> None:
    log_output.configure(config.current(), process=sender)
    if os.geteuid() == 0:  # in one line, instead of Celery's block of a dozen
        warnings.filterwarnings("ignore", category=SecurityWarning)
        log.warning("runs_as_root", advice="start NotiLog under an account of its own")


def _log_as_beat(**_: Any) -> None:
    log_output.configure(config.current(), process="beat")


def _keep_our_logging(**_: Any) -> None:
    """Celery leaves logging alone once somebody listens to this signal."""


def _spare_what_stays(**_: Any) -> None:
    """Keep the garbage collector from what was loaded: walking it holds up the event loop."""
    gc.collect()
    gc.freeze()


def _begin_with_zone_rules(**_: Any) -> None:
    """After an upgrade of the tz database instants are found again before anything falls due."""
    app.send_task("calendar.follow_zone_rules", ignore_result=True)


_configure()
app = celery.Celery(
    "notilog",
    task_cls=CoroutineTask,
    config_source="celeryconfig",
    include=[
        "workers.agents",
        "workers.control",
        "workers.deliveries",
        "workers.calendar",
        "workers.bot",
        "workers.incidents",
        "workers.logs",
        "workers.observers",
        "workers.users",
        "workers.health",
    ],
)
app.steps["worker"].add(LogIntake)
app.steps["worker"].add(Signs)
signals.celeryd_init.connect(_log_as_worker)
signals.beat_init.connect(_log_as_beat)
signals.beat_init.connect(_begin_with_zone_rules)
signals.worker_ready.connect(_spare_what_stays)
signals.worker_ready.connect(announce)
signals.worker_shutting_down.connect(_tell_of_stopping)
celery.apps.worker.safe_say = _say_on_stderr
signals.setup_logging.connect(_keep_our_logging)
if "flower" in sys.argv:  # Flower sends no signal, and keeps the handlers that it finds
    from workers.flower_access import guard_metrics

    log_output.configure(config.current(), process="flower")
    guard_metrics()
