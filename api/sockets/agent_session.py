"""An agent that was let in: what it sends is answered, and its orders are brought to it."""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final
from uuid import UUID

import structlog
from starlette.websockets import WebSocket

from api.log_publisher import LogPublisher
from api.sockets import agent_batches, frames
from api.sockets.frames import Closing, Pace
from notilog import clock, config
from notilog.agents import connecting
from notilog.agents.connecting import Fate, Orders
from notilog.agents.protocol import (
    BadFrame,
    Heartbeat,
    SettingsRefused,
    batch_of,
    later_frame,
    told,
)
from notilog.agents.settings import AgentsSettings
from notilog.db.session import asking, transaction
from notilog.errors import Unavailable
from notilog.users.caller import Caller

log = structlog.get_logger(__name__)

UNANSWERED: Final = 4
"""Batches of an agent that wait for an answer at most."""
LONGEST_LOOK: Final = 30.0
"""Seconds after which a revoked token is noticed, however slow the heartbeats are."""
EARLY: Final = 0.8
"""The part of a heartbeat's time after which the next one is written down."""
ENDS: Final[dict[Fate, tuple[int, str]]] = {
    "superseded": (frames.SUPERSEDED, "the same agent has connected again"),
    "revoked": (frames.UNAUTHENTICATED, "the token is not valid any more"),
    "deleted": (frames.DELETED, "the agent was deleted"),
}


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who was let in, by which connection, and what it was told to do."""

    caller: Caller
    agent_id: UUID
    connection_id: UUID
    orders: Orders


class Session:
    """One connection of an agent that is known."""

    def __init__(self, socket: WebSocket, admitted: Admitted) -> None:
        self._socket = socket
        self._caller = admitted.caller
        self._agent_id = admitted.agent_id
        self._connection_id = admitted.connection_id
        self._orders = admitted.orders
        self._publisher: LogPublisher = socket.app.state.log_publisher
        self._batches: set[asyncio.Task[None]] = set()
        self._written_at = 0.0
        usual = config.section(AgentsSettings).offline_seconds
        self._silence = max(usual, 3 * self._orders.heartbeat_seconds)

    async def run(self) -> None:
        """Serve the agent until it goes.

        Raises:
            Closing: the connection is to be closed.
            WebSocketDisconnect: the agent closed it, or was lost.
        """
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look_after())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            ended = [*tasks, *self._batches]
            for task in ended:
                task.cancel()
            await asyncio.gather(*ended, return_exceptions=True)

    async def _listen(self) -> None:
        pace = Pace()
        while True:
            frame = await frames.received(self._socket, within=self._silence)
            try:
                if isinstance(frame, bytes):
                    self._take(*batch_of(frame))
                else:
                    pace.take()
                    await self._answer(later_frame(frame))
            except BadFrame as error:
                raise Closing(frames.MALFORMED, str(error)) from None

    def _take(self, batch_id: UUID, body: bytes) -> None:
        if len(self._batches) >= UNANSWERED:
            raise Closing(frames.TOO_FAST, f"more than {UNANSWERED} batches wait for an answer")
        task = asyncio.create_task(self._store(batch_id, body))
        self._batches.add(task)
        task.add_done_callback(self._batches.discard)

    async def _store(self, batch_id: UUID, body: bytes) -> None:
        try:
            answer = await agent_batches.taken(
                self._publisher,
                self._caller,
                agent_id=self._agent_id,
                batch_id=batch_id,
                body=body,
                now=clock.now(),
            )
        except Exception:
            log.exception("agent_batch_failed", batch=str(batch_id))
            answer = agent_batches.failed(batch_id)
        try:
            await frames.say(self._socket, answer)
        except Exception as error:  # noqa: BLE001  whoever listens notices that the agent has gone
            log.info("agent_not_answered", batch=str(batch_id), reason=str(error))

    async def _answer(self, frame: Heartbeat | SettingsRefused) -> None:
        now = clock.now()
        try:
            if isinstance(frame, Heartbeat):
                await self._hear(frame)
            else:
                log.warning("agent_settings_refused", version=frame.version)
                async with transaction() as tx:
                    await connecting.refused(
                        tx, self._agent_id, connection_id=self._connection_id, refusal=frame
                    )
                return
        except Unavailable as error:
            log.warning("agent_heartbeat_not_written", reason=str(error))
            return
        await frames.say(self._socket, told("heard", at=now))

    async def _hear(self, beat: Heartbeat) -> None:
        """Write a heartbeat down, unless it comes sooner than it need."""
        if monotonic() - self._written_at < EARLY * self._orders.heartbeat_seconds:
            return
        async with transaction() as tx:
            await connecting.heard(
                tx, self._agent_id, connection_id=self._connection_id, beat=beat, now=clock.now()
            )
        self._written_at = monotonic()

    async def _look_after(self) -> None:
        """With every heartbeat's time, see whether the agent may stay, and bring it new orders."""
        while True:
            await asyncio.sleep(min(LONGEST_LOOK, self._orders.heartbeat_seconds) * EARLY)
            try:
                async with asking(primary=True) as tx:
                    standing = await connecting.standing(
                        tx, self._agent_id, connection_id=self._connection_id, now=clock.now()
                    )
            except Unavailable as error:
                log.warning("agent_not_looked_after", reason=str(error))
                continue
            if standing.orders is None:
                raise Closing(*ENDS[standing.fate])
            await self._bring(standing.orders)

    async def _bring(self, orders: Orders) -> None:
        if orders.heartbeat_seconds != self._orders.heartbeat_seconds:
            # It is told with the welcome alone.
            raise Closing(frames.RECONNECT, "heartbeats are wanted at another pace; connect again")
        if orders.version != self._orders.version:
            fields: dict[str, Any] = {"version": orders.version, "settings": orders.settings}
            await frames.say(self._socket, told("settings", **fields))
        self._orders = orders
