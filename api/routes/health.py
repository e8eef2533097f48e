"""Health: for supervisors and load balancers, and in full for administrators."""

from fastapi import APIRouter, Request

from api.deps import Admin
from api.errors import problems
from api.readiness import Readiness
from api.schemas.health import DatabaseHost, Disk, Fallback, Health, Live, Ready
from notilog import __version__, config
from notilog.db.session import pools
from notilog.errors import Unavailable
from notilog.logs import room
from notilog.logs.limits import MIB

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
    hosts = [
        DatabaseHost(host=pool.host, role=pool.role, connections=pool.used)
        for pool in pools().metrics().pools
    ]
    fallbacks = [
        Fallback(setting=one.setting, value=one.value, default=one.default, reason=one.reason)
        for one in config.current().fallbacks
    ]
    left = room.current()
    return Health(
        version=__version__,
        failing=await _failing(request),
        database=hosts,
        disk=Disk(
            free_mib=None if left.free is None else left.free // MIB,
            taken=left.taken,
        ),
        configuration=fallbacks,
    )


async def _failing(request: Request) -> list[str]:
    readiness: Readiness = request.app.state.readiness
    return await readiness.failing()


probes = APIRouter()
"""The two that need no authentication, also where supervisors look for them by habit."""
probes.add_api_route("/health/live", live, methods=["GET"])
probes.add_api_route("/health/ready", ready, methods=["GET"])
