"""Reminders that fall due: a tick finds them and decides, once for ever, who is told what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config, jobs
from notilog.calendar import offsets
from notilog.calendar.occurrences import Fire, Schedule, following_fire
from notilog.calendar.tables import EventRow, ParticipantRow, ReminderRow
from notilog.config import Section
from notilog.notifications import deliveries
from notilog.notifications.attempts import DeliveriesSettings
from notilog.notifications.deliveries import Decision

PRIORITY = 5
DECISIONS_AT_ONCE = 5_000


class RemindersSettings(Section):
    """How reminders are found when they fall due."""

    section: ClassVar[str] = "reminders"

    horizon: float = Field(
        30.0, ge=10, le=3600, description="seconds ahead that a tick decides deliveries for"
    )
    batch: int = Field(1000, ge=1, le=20_000, description="reminders that one transaction decides")


@dataclass(frozen=True, slots=True)
class Due:
    """A reminder that a tick holds."""

    id: UUID
    event_id: UUID
    before: str
    channel: str
    fire: Fire


@dataclass(frozen=True, slots=True)
class Announced:
    """The event of a due reminder: what is said about it and to whom."""

    name: str
    description: str
    schedule: Schedule
    recipients: tuple[UUID, ...]


async def tick(tx: AsyncSession, now: datetime) -> int:
    """Decide the deliveries of reminders that fall due within the horizon.

    Returns:
        How many reminders were claimed: fewer than a full batch when no more are due.
    """
    settings = config.section(RemindersSettings)
    until = now + timedelta(seconds=settings.horizon)
    claimed = await _claim(tx, until=until, limit=settings.batch)
    if not claimed:
        return 0
    announced = await _announced(tx, {due.event_id for due in claimed})
    late_before = now - timedelta(seconds=config.section(DeliveriesSettings).late_after)
    decisions = _decisions(claimed, announced, now=now, late_before=late_before)
    while chunk := list(islice(decisions, DECISIONS_AT_ONCE)):
        await deliveries.decide(tx, chunk)
    await _advance(tx, claimed, announced)
    for channel in {due.channel for due in claimed}:
        jobs.wake(deliveries.SEND, channel)
    return len(claimed)


async def _claim(tx: AsyncSession, *, until: datetime, limit: int) -> list[Due]:
    row = ReminderRow
    statement = (
        select(
            row.id,
            row.event_id,
            row.before,
            row.channel,
            row.next_occurrence_start,
            row.next_fire_at,
        )
        .where(row.next_fire_at <= until)
        .order_by(row.next_fire_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [
        Due(id_, event_id, before, channel, Fire(start, at))
        for id_, event_id, before, channel, start, at in (await tx.execute(statement))
        if start is not None and at is not None
    ]


async def _announced(tx: AsyncSession, events: set[UUID]) -> dict[UUID, Announced]:
    """What to say about the events; a statement of its own, to see what was committed before."""
    coming = (
        select(ParticipantRow.user_id)
        .where(ParticipantRow.event_id == EventRow.id, ParticipantRow.decision != "no")
        .correlate(EventRow)
        .scalar_subquery()
    )
    statement = select(EventRow, func.array(coming, type_=ARRAY(Uuid))).where(
        EventRow.id == any_(bindparam("events", list(events), type_=ARRAY(Uuid))),
        EventRow.cancelled_at.is_(None),
    )
    return {
        row.id: Announced(row.name, row.description, row.schedule, (row.author_id, *participants))
        for row, participants in (await tx.execute(statement))
    }


def _decisions(
    claimed: Iterable[Due],
    announced: dict[UUID, Announced],
    *,
    now: datetime,
    late_before: datetime,
) -> Iterator[Decision]:
    """One decision for each recipient; what is late and has begun already is only recorded."""
    for due in claimed:
        event = announced.get(due.event_id)
        if event is None:
            continue
        content = _content(event, due)
        late = due.fire.at < late_before
        for user_id in event.recipients:
            yield Decision(
                kind="reminder",
                event_id=due.event_id,
                occurrence_start=due.fire.occurrence_start,
                before=due.before,
                user_id=user_id,
                channel=due.channel,
                priority=PRIORITY,
                content=content,
                due_at=due.fire.at,
                status="missed" if late and due.fire.occurrence_start <= now else "pending",
                late=late,
            )


def _content(event: Announced, due: Due) -> dict[str, Any]:
    return {
        "name": event.name,
        "description": event.description,
        "start": due.fire.occurrence_start.isoformat(),
        "end": event.schedule.end_of(due.fire.occurrence_start).isoformat(),
        "timezone": event.schedule.zone.key,
        "all_day": event.schedule.all_day,
        "before": due.before,
    }


_ADVANCE = text(
    """
    UPDATE reminders
    SET next_occurrence_start = following.start, next_fire_at = following.fire_at
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:starts AS timestamptz[]), CAST(:fires AS timestamptz[])
    ) AS following (id, start, fire_at)
    WHERE reminders.id = following.id
    """
)


async def _advance(tx: AsyncSession, claimed: list[Due], announced: dict[UUID, Announced]) -> None:
    following = [_following(due, announced.get(due.event_id)) for due in claimed]
    columns = {
        "ids": [due.id for due in claimed],
        "starts": [fire and fire.occurrence_start for fire in following],
        "fires": [fire and fire.at for fire in following],
    }
    await tx.execute(_ADVANCE, columns)


def _following(due: Due, event: Announced | None) -> Fire | None:
    if event is None:
        return None
    offset = offsets.parse(due.before)
    return following_fire(event.schedule, offset, start=due.fire.occurrence_start)
