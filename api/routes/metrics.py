"""Metrics of all processes, for Prometheus."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.deps import scoped
from api.errors import problems
from api.exposition import exposed
from notilog import __version__, clock
from notilog.agents import readings as agents
from notilog.calendar import readings as calendar
from notilog.db.session import asking
from notilog.health import readings as health
from notilog.health import report
from notilog.incidents import readings as incidents
from notilog.logs import readings as logs
from notilog.logs.alerts.measures import ALERT_MEASURES
from notilog.logs.measures import MEASURES as LOG_MEASURES
from notilog.metrics import stored
from notilog.metrics.counted import Metric
from notilog.metrics.gauges import Gauge, Reading
from notilog.notifications import readings as notifications
from notilog.notifications.measures import MEASURES as DELIVERY_MEASURES
from notilog.observers import readings as observers
from notilog.observers.measures import MEASURES as OBSERVER_MEASURES
from notilog.queues import QUEUES
from notilog.realtime.measures import MEASURES as SOCKET_MEASURES
from notilog.users import readings as users
from notilog.users.measures import MEASURES as USER_MEASURES

METRICS: Final[tuple[Metric, ...]] = (
    *ALERT_MEASURES,
    *LOG_MEASURES,
    *DELIVERY_MEASURES,
    *OBSERVER_MEASURES,
    *SOCKET_MEASURES,
    *USER_MEASURES,
)
"""What every room counts."""
READINGS: Final[tuple[Callable[[AsyncSession, datetime], Awaitable[list[Reading]]], ...]] = (
    notifications.readings,
    logs.readings,
    observers.readings,
    agents.readings,
    incidents.readings,
    calendar.readings,
    users.readings,
)
"""What is so in every room at the moment; each costs little, however much there is."""
BUILD: Final = Gauge("notilog_build_info", "The version.", ("version",))

router = APIRouter(tags=["health"], dependencies=[Depends(scoped("metrics:read"))])


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}, **problems(503)})
async def metrics(request: Request, accept: Annotated[str, Header()] = "text/plain") -> Response:
    """What all processes have counted; a token with the right `metrics:read` alone is enough."""
    failing = await request.app.state.readiness.failing()
    now = clock.now()
    async with asking(primary=True) as tx:  # a replica lags, and counters must never fall
        samples = await stored.everything(tx)
        found = [reading for room in READINGS for reading in await room(tx, now)]
        seen = await report.seen(tx, now, failing=failing)
    found += [*health.readings(seen, queues=QUEUES), BUILD.by({__version__: 1})]
    content, content_type = exposed(METRICS, samples, found, accept=accept)
    return Response(content, media_type=content_type)


probes = APIRouter()
"""The same where Prometheus looks by habit."""
probes.include_router(router)
