"""Observers of voice channels, what they are told, and what is recorded of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from uuid_utils.compat import uuid7

from notilog import clock
from notilog.db.session import transaction
from notilog.leases import leases
from notilog.leases.leases import Lease
from notilog.observers.tables import ObserverRow
from notilog.observers.voice.choosing import Choice
from notilog.observers.voice.heard import Channel, Guild, Member, VoiceState
from notilog.observers.voice.journal import Journal
from notilog.observers.voice.recorder import Recorder
from notilog.observers.voice.tables import VoiceActionRow, VoiceIntervalRow, VoiceSessionRow
from tests.integration.waiting import until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LENGTH = timedelta(hours=1)
GUILD = 2**60 + 1
HALL, ATTIC, AFK = 2**60 + 2, 2**60 + 3, 2**60 + 4
ANNA, BEN = 2**60 + 10, 2**60 + 11


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def state(member_id: int = ANNA, channel_id: int | None = HALL, **more: Any) -> VoiceState:
    fields = {"guild_id": GUILD, "session_id": "s1", **more}
    return VoiceState(member_id=member_id, channel_id=channel_id, **fields)


def anna(**more: Any) -> Member:
    return Member(**{"id": ANNA, "name": "anna", "display_name": "Anna", **more})


def guild(*states: VoiceState, **more: Any) -> Guild:
    channels = (Channel(HALL, "Hall"), Channel(ATTIC, "Attic"), Channel(AFK, "Away"))
    fields = {"name": "Home", "afk_channel_id": AFK, "channels": channels, **more}
    return Guild(id=GUILD, states=states, **fields)


async def observer(name: str = "ears") -> UUID:
    """A new observer's id."""
    made = uuid7()
    async with transaction() as tx:
        tx.add(ObserverRow(id=made, name=name, kind="discord_voice", env={}, changed_by="tests"))
    return made


async def leased(observer_id: UUID, *, holder: UUID | None = None) -> Lease:
    async with transaction() as tx:
        lease = await leases.take(
            tx, f"observer:{observer_id}", holder=holder or uuid4(), now=clock.now(), length=LENGTH
        )
    assert lease is not None
    return lease


async def let_go(lease: Lease) -> None:
    async with transaction() as tx:
        await leases.release(tx, lease, now=clock.now())


@asynccontextmanager
async def running(recorder: Recorder, lease: Lease) -> AsyncIterator[asyncio.Task[Any]]:
    """The recorder runs while the block does, which asks the task how it ended."""
    task = asyncio.create_task(recorder.run(lease))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def recording(
    observer_id: UUID, *, choice: Choice | None = None, journal: Journal | None = None
) -> AsyncIterator[Recorder]:
    """A recorder that runs while the block does, and has recorded all of it afterwards."""
    recorder = Recorder(observer_id, choice=choice or Choice(), journal=journal or Journal())
    lease = await leased(observer_id)
    async with running(recorder, lease) as task:
        yield recorder
        await recorded(recorder, task)
    await let_go(lease)


async def recorded(recorder: Recorder, task: asyncio.Task[Any] | None = None) -> None:
    """Wait until nothing waits."""

    async def nothing_waits() -> bool:
        if task is not None and task.done():
            task.result()
        return recorder.waiting == 0

    await until(nothing_waits)


async def sessions() -> Sequence[VoiceSessionRow]:
    async with transaction() as tx:
        order = (VoiceSessionRow.started_at, VoiceSessionRow.id)
        return (await tx.scalars(select(VoiceSessionRow).order_by(*order))).all()


async def intervals() -> Sequence[VoiceIntervalRow]:
    async with transaction() as tx:
        order = (VoiceIntervalRow.started_at, VoiceIntervalRow.kind)
        return (await tx.scalars(select(VoiceIntervalRow).order_by(*order))).all()


async def actions() -> Sequence[VoiceActionRow]:
    async with transaction() as tx:
        order = (VoiceActionRow.at, VoiceActionRow.id)
        return (await tx.scalars(select(VoiceActionRow).order_by(*order))).all()


async def kinds() -> list[str]:
    return [action.kind for action in await actions()]
