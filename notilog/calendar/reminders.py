"""Reminders that fall due: a tick finds them and decides, once for ever, who is told what."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config, jobs
from notilog.calendar import offsets, overrides
from notilog.calendar.occurrences import Fire
from notilog.calendar.series import Happening, Series
from notilog.calendar.tables import (
    EventRow,
    OccurrenceDecisionRow,
    OverrideRow,
    ParticipantRow,
    ReminderRow,
)
from notilog.config import Section
from notilog.notifications import deliveries
from notilog.notifications.attempts import DeliveriesSettings
from notilog.notifications.deliveries import Decision
from notilog.notifications.wishes import NEAR, NORMAL
from notilog.users.tables import UserRow

SOON = timedelta(hours=1)
"""A reminder of what begins within so long goes before others."""
DECISIONS_AT_ONCE = 5_000
FIRES_AT_ONCE = 200
"""Occurrences of one series that one tick decides, when there was a long time without ticks."""


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
    """The event of a due reminder: what is said about it and to whom.

    ``refused`` are those who do not come to single occurrences, ``accepted`` those who come to
    them though they declined the series, by original start.
    """

    name: str
    description: str
    organizer: str
    series: Series
    recipients: tuple[UUID, ...]
    refused: dict[datetime, set[UUID]]
    accepted: dict[datetime, set[UUID]]

    def recipients_of(self, original_start: datetime) -> list[UUID]:
        refused = self.refused.get(original_start, set())
        accepted = self.accepted.get(original_start, set()) - {*self.recipients}
        return [one for one in self.recipients if one not in refused] + sorted(accepted)


@dataclass(frozen=True, slots=True)
class Course:
    """What a tick does with one reminder: the fires that it decides, and the one that is next."""

    due: Due
    fires: tuple[Fire, ...]
    following: Fire | None


@dataclass(frozen=True, slots=True)
class Ticked:
    """How many reminders fell due, and whether more may be: in a full batch, or a series behind."""

    reminders: int
    more: bool


async def tick(tx: AsyncSession, now: datetime) -> Ticked:
    """Decide the deliveries of reminders that fall due within the horizon."""
    settings = config.section(RemindersSettings)
    until = now + timedelta(seconds=settings.horizon)
    claimed = await _claim(tx, until=until, limit=settings.batch)
    if not claimed:
        return Ticked(0, more=False)
    announced = await _announced(tx, claimed)
    courses = [_course(due, announced.get(due.event_id), until=until) for due in claimed]
    late_before = now - timedelta(seconds=config.section(DeliveriesSettings).late_after)
    decisions = _decisions(courses, announced, now=now, late_before=late_before)
    while chunk := list(islice(decisions, DECISIONS_AT_ONCE)):
        await deliveries.decide(tx, chunk)
    await _advance(tx, courses)
    for channel in {due.channel for due in claimed}:
        jobs.wake(deliveries.SEND, channel)
    behind = any(one.following is not None and one.following.at <= until for one in courses)
    return Ticked(len(claimed), more=behind or len(claimed) == settings.batch)


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


async def _announced(tx: AsyncSession, claimed: Sequence[Due]) -> dict[UUID, Announced]:
    """What to say about the events; statements of their own, to see what was committed before."""
    events = {due.event_id for due in claimed}
    coming = (
        select(ParticipantRow.user_id)
        .where(ParticipantRow.event_id == EventRow.id, ParticipantRow.decision != "no")
        .correlate(EventRow)
        .scalar_subquery()
    )
    statement = (
        select(EventRow, UserRow.login, func.array(coming, type_=ARRAY(Uuid)))
        .join(UserRow, UserRow.id == EventRow.author_id)
        .where(EventRow.id == _any_of(events), EventRow.cancelled_at.is_(None))
    )
    rows = (await tx.execute(statement)).all()
    since = min(due.fire.at for due in claimed)
    changed = await overrides.loaded(tx, events, since=since)
    refused, accepted = await _decided(tx, events, since=since)
    return {
        row.id: Announced(
            row.name,
            row.description,
            organizer,
            Series(row.schedule, changed[row.id]),
            (row.author_id, *participants),
            refused[row.id],
            accepted[row.id],
        )
        for row, organizer, participants in rows
    }


People = dict[UUID, dict[datetime, set[UUID]]]


async def _decided(
    tx: AsyncSession, events: Collection[UUID], *, since: datetime
) -> tuple[People, People]:
    """Who declined and who takes part in single occurrences, by event and original start."""
    refused: People = defaultdict(lambda: defaultdict(set))
    accepted: People = defaultdict(lambda: defaultdict(set))
    row = OccurrenceDecisionRow
    statement = (
        select(row.event_id, row.original_start, row.user_id, row.decision)
        .join(OverrideRow, overrides.of(row))
        .join(EventRow, EventRow.id == row.event_id)
        .where(row.event_id == _any_of(events), overrides.matters_from(since))
    )
    for event_id, start, user_id, decision in await tx.execute(statement):
        (refused if decision == "no" else accepted)[event_id][start].add(user_id)
    return refused, accepted


def _any_of(ids: Collection[UUID]) -> Any:
    return any_(bindparam("events", list(ids), type_=ARRAY(Uuid)))


def _course(due: Due, event: Announced | None, *, until: datetime) -> Course:
    """Every fire up to the horizon, so that a series catches up at once after a long downtime."""
    if event is None:
        return Course(due, (), None)
    offset = offsets.parse(due.before)
    fires: list[Fire] = []
    fire: Fire | None = due.fire
    if event.series.at(due.fire.occurrence_start) is None:  # the rules of its zone have changed
        fire = event.series.next_fire(offset, since=due.fire.at)
    while fire is not None and fire.at <= until and len(fires) < FIRES_AT_ONCE:
        fires.append(fire)
        fire = event.series.following_fire(offset, after=fire)
    return Course(due, tuple(fires), fire)


def _decisions(
    courses: Sequence[Course],
    announced: dict[UUID, Announced],
    *,
    now: datetime,
    late_before: datetime,
) -> Iterator[Decision]:
    """One decision for each recipient; what is late and has begun already is only recorded."""
    for course in courses:
        due = course.due
        for fire in course.fires:
            event = announced[due.event_id]
            happening = event.series.at(fire.occurrence_start)
            if happening is None:
                continue
            content = _content(event, happening, before=due.before)
            late = fire.at < late_before
            for user_id in event.recipients_of(fire.occurrence_start):
                yield Decision(
                    kind=deliveries.REMINDER,
                    event_id=due.event_id,
                    occurrence_start=fire.occurrence_start,
                    starts_at=happening.start,
                    before=due.before,
                    user_id=user_id,
                    channel=due.channel,
                    priority=NEAR if happening.start - fire.at <= SOON else NORMAL,
                    content=content,
                    due_at=fire.at,
                    status="missed" if late and happening.start <= now else "pending",
                    late=late,
                )


def _content(event: Announced, happening: Happening, *, before: str) -> dict[str, Any]:
    name, description = happening.words(event.name, event.description)
    return {
        "name": name,
        "description": description,
        "start": happening.start.isoformat(),
        "end": happening.end.isoformat(),
        "timezone": event.series.schedule.zone.key,
        "all_day": event.series.schedule.all_day,
        "before": before,
        "organizer": event.organizer,
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


async def _advance(tx: AsyncSession, courses: Sequence[Course]) -> None:
    columns = {
        "ids": [one.due.id for one in courses],
        "starts": [one.following and one.following.occurrence_start for one in courses],
        "fires": [one.following and one.following.at for one in courses],
    }
    await tx.execute(_ADVANCE, columns)
