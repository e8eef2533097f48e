"""The socket of agents: who they are first, then their records and heartbeats, and their orders."""

import asyncio
import socket as network
from contextlib import suppress
from typing import Final
from uuid import uuid4

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.deps import caller_of
from api.peer import address_of
from api.sockets import frames
from api.sockets.agent_session import Admitted, Session
from api.sockets.door import Door, Full
from api.sockets.frames import Closing
from notilog import clock, config
from notilog.agents import connecting, enrolment
from notilog.agents.protocol import PROTOCOL, Auth, BadFrame, Enrol, first_frame, told
from notilog.db.session import transaction
from notilog.errors import Conflict, Forbidden, Unauthenticated, Unavailable
from notilog.logs.limits import LogsSettings

log = structlog.get_logger(__name__)

FIRST_WITHIN: Final = 10.0
"""Seconds within which an agent says who it is."""
NODE: Final = network.gethostname()


async def serve(socket: WebSocket) -> None:
    """One connection of an agent, from its first frame until it is closed."""
    await socket.accept()
    try:
        await _attend(socket, socket.app.state.agents_door)
    except Full as error:
        await _close(socket, frames.TRY_LATER, str(error))
    except Closing as closing:
        log.info("agent_closed", code=closing.code, reason=closing.reason)
        await _close(socket, closing.code, closing.reason)
    except WebSocketDisconnect as gone:
        log.info("agent_gone", code=gone.code)
    except Unavailable as error:
        log.warning("agent_not_served", reason=str(error))
        await _close(socket, frames.TRY_LATER, "a server that NotiLog needs does not answer")


async def _attend(socket: WebSocket, door: Door) -> None:
    with door.waiting(address_of(socket)):
        first = await _first(socket)
        admitted = await _admitted(socket, first)
    orders = admitted.orders
    with door.inside(), structlog.contextvars.bound_contextvars(agent=str(admitted.agent_id)):
        log.info("agent_connected", program=first.agent.version)
        await frames.say(
            socket,
            told(
                "welcome",
                agent_id=admitted.agent_id,
                heartbeat_seconds=orders.heartbeat_seconds,
                settings_version=orders.version,
                settings=orders.settings,
                limits=_limits(),
            ),
        )
        await Session(socket, admitted).run()


async def _first(socket: WebSocket) -> Auth | Enrol:
    frame = await frames.received(socket, within=FIRST_WITHIN)
    if isinstance(frame, bytes):
        raise Closing(frames.MALFORMED, "the first frame must be text")
    try:
        first = first_frame(frame)
    except BadFrame as error:
        raise Closing(frames.MALFORMED, str(error)) from None
    if first.protocol != PROTOCOL:
        raise Closing(frames.MALFORMED, f"the protocol is {PROTOCOL}, not {first.protocol}")
    return first


def _limits() -> dict[str, int]:
    """How large a batch may be, so that agents cut theirs by it."""
    limits = config.section(LogsSettings)
    return {"batch_bytes": limits.batch_bytes, "batch_records": limits.batch_records}


async def _admitted(socket: WebSocket, first: Auth | Enrol) -> Admitted:
    """The agent, let in.

    Raises:
        Closing: it is not let in.
        Unavailable: the database does not answer.
    """
    now, connection_id = clock.now(), uuid4()
    try:
        token = first.token if isinstance(first, Auth) else await _enrolled(socket, first)
        caller = await caller_of(token)
        if not caller.may("agents:connect"):
            raise Closing(frames.FORBIDDEN, "this needs the right agents:connect")
        async with transaction() as tx:
            agent_id, orders = await connecting.connected(
                tx, caller, about=first.agent, connection_id=connection_id, node=NODE, now=now
            )
    except Unauthenticated as error:
        raise Closing(frames.UNAUTHENTICATED, str(error)) from None
    except (Forbidden, Conflict) as error:
        raise Closing(frames.FORBIDDEN, str(error)) from None
    return Admitted(caller, agent_id, connection_id, orders)


async def _enrolled(socket: WebSocket, first: Enrol) -> str:
    async with transaction() as tx:
        made = await enrolment.enrol(tx, first.code, about=first.agent, now=clock.now())
    await frames.say(socket, told("enrolled", agent_id=made.agent_id, token=made.token))
    return made.token


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # it may have gone meanwhile
        async with asyncio.timeout(frames.SENT_WITHIN):
            await socket.close(code, reason)
