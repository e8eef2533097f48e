"""Health: for supervisors and load balancers, and in full for administrators."""

from datetime import datetime

from fastapi import APIRouter, Request

from api.deps import Admin
from api.errors import problems
from api.readiness import Readiness
from api.schemas.health import (
    DatabaseHost,
    Disk,
    Fallback,
    Health,
    Live,
    NodeSeen,
    Ready,
    WorkerSeen,
)
from notilog import __version__, clock, config
from notilog.agents import registry
from notilog.db.session import asking
from notilog.errors import Unavailable
from notilog.health import report
from notilog.health.judging import Seen, Worker, complaints
from notilog.logs import room
from notilog.logs.limits import MIB
from notilog.observers import measures as of_observers
from notilog.queues import QUEUES

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> Live:
    """This process is up."""
    return Live()


@router.get("/ready", responses=problems(503))
async def ready(request: Request) -> Ready:
    """Database, broker and Redis answer; if not, the problem names those that do not."""
    missing = await _failing(request)
    if missing:
        raise Unavailable(f"not answering: {', '.join(missing)}")
    return Ready()


@router.get("")
async def health(request: Request, _: Admin) -> Health:
    """Everything known of the platform's health; for administrators."""
    fallbacks = [
        Fallback(setting=one.setting, value=one.value, default=one.default, reason=one.reason)
        for one in config.current().fallbacks
    ]
    left = room.current()
    failing = await _failing(request)
    async with asking(primary=True) as tx:
        seen = await report.seen(tx, clock.now(), failing=failing)
        states = await of_observers.by_state(tx)
        of_agents = await registry.by_state(tx)
    return Health(
        version=__version__,
        problems=complaints(seen, queues=QUEUES),
        failing=failing,
        workers=[_worker(one, seen) for one in seen.workers],
        nodes=[NodeSeen(name=name, age_seconds=_age(at, seen)) for name, at in seen.nodes.items()],
        beat_age_seconds=None if seen.beat_at is None else _age(seen.beat_at, seen),
        queues=dict(seen.waiting),
        observers=states,
        agents=of_agents,
        database=[
            DatabaseHost(host=one.name, role=one.role, connections=one.used, limit=one.most)
            for one in seen.hosts
        ],
        disk=Disk(
            free_mib=None if left.free is None else left.free // MIB,
            taken=left.taken,
        ),
        configuration=fallbacks,
    )


def _worker(one: Worker, seen: Seen) -> WorkerSeen:
    return WorkerSeen(
        name=one.name,
        queues=list(one.queues),
        running=one.running,
        limit=one.limit,
        age_seconds=_age(one.at, seen),
    )


def _age(at: datetime, seen: Seen) -> float:
    return round(max(0.0, (seen.now - at).total_seconds()), 1)


async def _failing(request: Request) -> list[str]:
    readiness: Readiness = request.app.state.readiness
    return await readiness.failing()


probes = APIRouter()
"""The two that need no authentication, also where supervisors look for them by habit."""
probes.add_api_route("/health/live", live, methods=["GET"])
probes.add_api_route("/health/ready", ready, methods=["GET"])
