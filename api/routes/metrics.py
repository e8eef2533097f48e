"""Metrics of all processes, for Prometheus."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from prometheus_client.core import GaugeMetricFamily

from api.deps import scoped
from api.errors import problems
from api.exposition import exposed
from notilog import __version__, clock
from notilog.agents import registry
from notilog.db.session import asking
from notilog.health import report
from notilog.health.judging import Seen, complaints
from notilog.logs import handing
from notilog.logs.alerts.measures import ALERT_MEASURES
from notilog.logs.measures import MEASURES as LOG_MEASURES
from notilog.metrics import stored
from notilog.metrics.counted import Metric
from notilog.notifications import measures
from notilog.observers import measures as of_observers
from notilog.queues import QUEUES

METRICS: Final[tuple[Metric, ...]] = (
    *ALERT_MEASURES,
    *LOG_MEASURES,
    *measures.MEASURES,
    *of_observers.MEASURES,
)
"""Every metric of every room."""

router = APIRouter(tags=["health"], dependencies=[Depends(scoped("metrics:read"))])


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}, **problems(503)})
async def metrics(request: Request, accept: Annotated[str, Header()] = "text/plain") -> Response:
    """What all processes have counted; a token with the right `metrics:read` alone is enough."""
    failing = await request.app.state.readiness.failing()
    async with asking(primary=True) as tx:  # a replica lags, and counters must never fall
        samples = await stored.everything(tx)
        waiting = await measures.waiting(tx, clock.now())
        handed = await handing.waiting(tx)
        states = await of_observers.by_state(tx)
        agent_states = await registry.by_state(tx)
        silence = await of_observers.oldest_heartbeat(tx)
        seen = await report.seen(tx, clock.now(), failing=failing)
    due = GaugeMetricFamily(
        "notilog_deliveries_waiting",
        f"Deliveries that are due and not sent, counted up to {measures.COUNTED_UP_TO}.",
        labels=["channel"],
    )
    for channel, count in waiting.items():
        due.add_metric([channel], count)
    retried = GaugeMetricFamily(
        "notilog_log_connector_waiting",
        "Stored batches that a connector could not take yet.",
        labels=["connector"],
    )
    for connector, count in handed.items():
        retried.add_metric([connector], count)
    observers = GaugeMetricFamily(
        "notilog_observers", "Observers by their state.", labels=["state"]
    )
    for state, count in states.items():
        observers.add_metric([state], count)
    agents = GaugeMetricFamily("notilog_agents", "Agents by their state.", labels=["state"])
    for state, count in agent_states.items():
        agents.add_metric([state], count)
    heartbeat = GaugeMetricFamily(
        "notilog_observer_heartbeat_age_seconds",
        "Since the oldest of the last heartbeats of observers at work.",
        value=silence,
    )
    build = GaugeMetricFamily("notilog_build_info", "The version.", labels=["version"])
    build.add_metric([__version__], 1)
    gauges = [due, retried, observers, agents, heartbeat, build, *_of_health(seen)]
    content, content_type = exposed(METRICS, samples, gauges, accept=accept)
    return Response(content, media_type=content_type)


def _of_health(seen: Seen) -> list[GaugeMetricFamily]:
    """What is known of processes and queues."""
    workers = GaugeMetricFamily(
        "notilog_workers", "Workers that gave a sign of life, by queue.", labels=["queue"]
    )
    for queue in QUEUES:
        workers.add_metric([queue], sum(queue in worker.queues for worker in seen.living))
    waiting = GaugeMetricFamily(
        "notilog_queue_waiting", "Messages that wait, as of the last beat.", labels=["queue"]
    )
    for queue, count in seen.waiting.items():
        waiting.add_metric([queue], count)
    wrong = GaugeMetricFamily(
        "notilog_problems",
        "How many things are wrong; GET /health names them.",
        value=len(complaints(seen, queues=QUEUES)),
    )
    gauges = [workers, waiting, wrong]
    if seen.beat_at is not None:
        age = max(0.0, (seen.now - seen.beat_at).total_seconds())
        gauges.append(
            GaugeMetricFamily("notilog_beat_age_seconds", "Since beat was heard of.", value=age)
        )
    return gauges


probes = APIRouter()
"""The same where Prometheus looks by habit."""
probes.include_router(router)
