"""The API application: its routers, its life, and what surrounds every request."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import WebSocketRoute

from api import docs, errors, openapi
from api.envelope import Envelope
from api.log_publisher import open_log_publisher
from api.producer import Producer
from api.readiness import Readiness
from api.routes import (
    agents,
    alert_rules,
    calendars,
    channels,
    deliveries,
    events,
    funcs,
    health,
    incidents,
    log,
    log_counts,
    log_files,
    logs,
    metrics,
    observers,
    occurrences,
    preferences,
    sessions,
    telegram,
    tokens,
    users,
    voice,
)
from api.sockets import agent, connection
from api.sockets.door import Door
from api.sockets.room import Room
from api.storable import only_storable
from notilog import __version__, jobs
from notilog import settings as schema
from notilog.agents.settings import AgentsSettings
from notilog.db.session import close_database, open_database
from notilog.health import signs
from notilog.logs import room
from notilog.metrics import stored
from notilog.realtime import events_queue
from notilog.users.caller import RIGHTS

PREFIX = "/api/v1"

ROUTERS: list[APIRouter] = [
    users.router,
    preferences.router,
    sessions.router,
    tokens.router,
    events.router,
    occurrences.router,
    funcs.router,
    calendars.router,
    deliveries.router,
    channels.router,
    telegram.router,
    log_files.router,
    logs.router,
    log_counts.router,
    logs.one,
    log.router,
    alert_rules.router,
    observers.router,
    voice.router,
    agents.router,
    incidents.router,
    health.router,
    metrics.router,
]

DESCRIPTION = f"""Logs, a shared calendar, reminders, observers and incidents.

Sign in with `POST /api/v1/sessions`, or use an API token, and send it as `Authorization: Bearer …`.
A user has the rights {", ".join(f"`{right}`" for right in sorted(RIGHTS["user"]))};
an administrator has all. A token has those of its owner's that it was given.
Instants are RFC 3339 and answered in UTC. Every refusal is `application/problem+json`.
"""


@asynccontextmanager
async def living(app: FastAPI) -> AsyncIterator[None]:
    """Settings, database and broker, from start to end of the process."""
    settings = schema.load()
    await open_database(settings)
    meanwhile = [
        asyncio.create_task(stored.keep_flushing()),
        asyncio.create_task(room.keep_looking()),
    ]
    producer = Producer()
    app.state.readiness = Readiness(producer.check)
    jobs.bind(producer.send)
    app.state.log_publisher = open_log_publisher(settings)
    app.state.sockets = Room(settings)
    of_agents = settings.section(AgentsSettings)
    app.state.agents_door = Door(of_agents.sockets, most_waiting=of_agents.sockets_unknown)
    events_queue.open_telling(settings)
    meanwhile.append(asyncio.create_task(signs.keep_telling(_node(), partial(_sockets, app))))
    # What is loaded by now stays: looking through it again with every collection is a waste.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        await app.state.sockets.close()
        await events_queue.close_telling()
        await app.state.readiness.close()
        producer.close()
        await app.state.log_publisher.close()
        for task in meanwhile:
            task.cancel()
        await asyncio.gather(*meanwhile, return_exceptions=True)
        await close_database()


def _sockets(app: FastAPI) -> dict[str, Any]:
    """What this process tells of its sockets with each sign of life."""
    room: Room = app.state.sockets
    of_agents: Door = app.state.agents_door
    return {
        "sockets": {"people": room.door.count, "agents": of_agents.count},
        "subscriptions": room.fanout.subscriptions,
    }


def _node() -> str:
    """This process's name among the signs."""
    return f"{signs.NODE}{socket.gethostname()}-{os.getpid()}"


def make_app() -> FastAPI:
    app = FastAPI(
        title="NotiLog",
        version=__version__,
        description=DESCRIPTION,
        lifespan=living,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(only_storable)],
    )
    for router in ROUTERS:
        app.include_router(router, prefix=PREFIX)
    app.include_router(health.probes, include_in_schema=False)
    app.include_router(metrics.probes, include_in_schema=False)
    for prefix in ("", PREFIX):
        app.router.routes.append(WebSocketRoute(f"{prefix}/ws", connection.serve))
        app.router.routes.append(WebSocketRoute(f"{prefix}/ws/agent", agent.serve))
    docs.install(app)
    errors.install(app)
    openapi.install(app)
    app.add_middleware(Envelope)
    return app
