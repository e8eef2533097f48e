"""Who may look into Flower: by itself it guards its pages, but not what Prometheus reads."""

from flower.urls import handlers
from flower.views.monitor import Metrics
from tornado.web import authenticated

PATH = "/metrics"


class _GuardedMetrics(Metrics):  # type: ignore[misc]  # flower is untyped
    @authenticated
    async def get(self) -> None:
        await super().get()


def guard_metrics() -> None:
    """Ask for the password before the names of workers and tasks are told."""
    handlers[handlers.index((PATH, Metrics))] = (PATH, _GuardedMetrics)
