"""Deliveries: what was decided to be sent, to whom, and what became of it.

A decision about an event is taken once: the unique key (event, occurrence, person, channel, offset,
instant) makes a second one impossible. Of others the caller sees to that.
Sending is the business of ``sending.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import CursorResult, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from notilog import cursors, jobs
from notilog.errors import Conflict, NotFound
from notilog.notifications import telling
from notilog.notifications.stored_wishes import wishes_of
from notilog.notifications.tables import DeliveryRow
from notilog.notifications.wishes import Wishes, asked_for, held_until, severity_of
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

SEND = "deliveries.send"
REMINDER = "reminder"
SNOOZE = "snooze"
TEST = "test"
STATUSES = ("pending", "sending", "sent", "missed", "withdrawn", "dead")


@dataclass(frozen=True, slots=True)
class Decision:
    """That this person is to be told this, on this channel, at this instant.

    ``missed`` decisions are recorded and never sent; ``content`` is what the message says. A
    reminder has an offset (``before``), the original start of its occurrence, and ``starts_at``,
    when that begins; it is of no use afterwards. Other messages have none of them. ``event_id`` is
    what the message is about: an event, or an incident, or nothing that has an id. ``channel`` is
    where it goes unless the person wishes otherwise. What has the same ``held_until`` leaves as one
    message; their wishes may set a later one.
    """

    kind: str
    event_id: UUID | None
    user_id: UUID
    channel: str
    priority: int
    content: dict[str, Any]
    due_at: datetime
    occurrence_start: datetime | None = None
    before: str | None = None
    starts_at: datetime | None = None
    status: Literal["pending", "missed"] = "pending"
    late: bool = False
    held_until: datetime | None = None


_DECIDE = text(
    """
    INSERT INTO deliveries (id, kind, event_id, occurrence_start, starts_at, before, user_id,
                            channel, priority, content, due_at, attempt_at, held_until, status,
                            late)
    SELECT id, kind, event_id, occurrence_start, starts_at, before, user_id, channel,
           priority, CAST(content AS jsonb), due_at, coalesce(held_until, due_at), held_until,
           status, late
    FROM unnest(
        CAST(:id AS uuid[]), CAST(:kind AS text[]), CAST(:event_id AS uuid[]),
        CAST(:occurrence_start AS timestamptz[]), CAST(:starts_at AS timestamptz[]),
        CAST(:before AS text[]),
        CAST(:user_id AS uuid[]), CAST(:channel AS text[]), CAST(:priority AS smallint[]),
        CAST(:content AS text[]), CAST(:due_at AS timestamptz[]),
        CAST(:held_until AS timestamptz[]), CAST(:status AS text[]), CAST(:late AS boolean[])
    ) AS decided (id, kind, event_id, occurrence_start, starts_at, before, user_id, channel,
                  priority, content, due_at, held_until, status, late)
    ON CONFLICT (event_id, occurrence_start, user_id, channel, before, due_at) DO UPDATE
    SET content = excluded.content, priority = excluded.priority, starts_at = excluded.starts_at,
        held_until = excluded.held_until,
        attempt_at = CASE WHEN deliveries.attempts = 0 THEN excluded.attempt_at ELSE greatest(
            excluded.attempt_at, least(deliveries.attempt_at, now() + interval '30 seconds')
        ) END,
        status = excluded.status, late = excluded.late, attempts = 0, last_error = NULL
    WHERE deliveries.status = 'withdrawn'
    """
)


async def decide(tx: AsyncSession, decisions: Sequence[Decision]) -> int:
    """Record decisions and count those that are new; a withdrawn one is taken again.

    One that was on its way when it was withdrawn is not tried before its lease ends, for it may
    have arrived.

    Where and when each is sent follows the person's wishes. The caller wakes the channels that it
    asked for, since it knows which are due soon; those that people chose are woken here.
    """
    arranged = await _as_wished(tx, decisions)
    unique = {_key(decided, number): decided for number, decided in enumerate(arranged)}
    if not unique:
        return 0
    rows = list(unique.values())
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows]
        for name in Decision.__dataclass_fields__
        if name != "content"
    }
    columns["id"] = [uuid7() for _ in rows]
    columns["content"] = [msgspec.json.encode(row.content).decode() for row in rows]
    return _changed(await tx.execute(_DECIDE, columns))


def _key(d: Decision, number: int) -> tuple[object, ...]:
    """What is the same of decisions that are one; without an event each is by itself."""
    if d.event_id is None:
        return (number,)
    return d.kind, d.event_id, d.occurrence_start, d.user_id, d.channel, d.before, d.due_at


async def _as_wished(tx: AsyncSession, decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions on the channels that people chose, held while they want to be left alone."""
    wished = await wishes_of(tx, {decision.user_id for decision in decisions})
    arranged: list[Decision] = []
    for decision in decisions:
        wishes = wished.get(decision.user_id)
        if wishes is None or asked_for(decision.kind):
            arranged.append(decision)
        else:
            arranged += _arranged(decision, wishes)
    return arranged


def _arranged(decision: Decision, wishes: Wishes) -> list[Decision]:
    severity = severity_of(decision.priority)
    held = None
    if decision.status == "pending":
        held = held_until(decision.due_at, wishes, severity=severity, starts_at=decision.starts_at)
    channels = wishes.channels_for(severity, decision.channel)
    for channel in channels:
        if channel != decision.channel:
            jobs.wake(SEND, channel)
    held = held or decision.held_until
    return [replace(decision, channel=channel, held_until=held) for channel in channels]


async def withdraw(
    tx: AsyncSession,
    *event_ids: UUID,
    kind: str | None = REMINDER,
    user_id: UUID | None = None,
    occurrence: datetime | None = None,
    occurrences_from: datetime | None = None,
    on_the_way: bool = True,
) -> int:
    """Take back what was not sent yet, of events, a person or occurrences; counts the rows.

    Reminders are taken back, or messages of another kind, or with None of every kind. What is
    ``on_the_way`` is taken back too, so that it is not tried again; if it does arrive, its row says
    ``sent`` all the same.
    """
    statuses = ("pending", "sending") if on_the_way else ("pending",)
    wanted = (
        select(DeliveryRow.id)
        .where(DeliveryRow.event_id.in_(event_ids), DeliveryRow.status.in_(statuses))
        .order_by(DeliveryRow.id)  # as everybody who locks several, so that none deadlock
        .with_for_update()
    )
    if user_id is not None:
        wanted = wanted.where(DeliveryRow.user_id == user_id)
    if kind is not None:
        # Who asked to be reminded again keeps that, unless it is of no use any more.
        kinds = (kind, SNOOZE) if kind == REMINDER and on_the_way else (kind,)
        wanted = wanted.where(DeliveryRow.kind.in_(kinds))
    if occurrence is not None:
        wanted = wanted.where(DeliveryRow.occurrence_start == occurrence)
    if occurrences_from is not None:
        wanted = wanted.where(DeliveryRow.occurrence_start >= occurrences_from)
    statement = (
        update(DeliveryRow)
        .where(DeliveryRow.id.in_(wanted))
        .values(status="withdrawn")
        .execution_options(synchronize_session=False)
    )
    return _changed(await tx.execute(statement))


async def hand_over(
    tx: AsyncSession, event_id: UUID, *, to: UUID, occurrences_from: datetime
) -> None:
    """Let the reminders of these occurrences, sent or not, be those of another event."""
    await tx.execute(
        update(DeliveryRow)
        .where(DeliveryRow.event_id == event_id, DeliveryRow.occurrence_start >= occurrences_from)
        .values(event_id=to)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A delivery and the login of the person it is for."""

    row: DeliveryRow
    login: str

    @property
    def late_ms(self) -> int | None:
        """Milliseconds from when it was to leave to the sending; None while not sent."""
        if self.row.sent_at is None:
            return None
        wanted_at = self.row.held_until or self.row.due_at
        return round((self.row.sent_at - wanted_at).total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which deliveries to list; None does not narrow."""

    event_id: UUID | None = None
    login: str | None = None
    channel: str | None = None
    status: str | None = None


async def listing(
    tx: AsyncSession, caller: Caller, *, filters: Filters, limit: int, cursor: str | None = None
) -> tuple[list[Listed], str | None]:
    """Deliveries, newest decision first, and the cursor of the next page.

    An administrator sees all, anybody else their own.

    Raises:
        Invalid: the cursor was not given out by this list.
    """
    statement = (
        select(DeliveryRow, UserRow.login)
        .join(UserRow, UserRow.id == DeliveryRow.user_id)
        .order_by(DeliveryRow.id.desc())
        .limit(limit + 1)
    )
    if not caller.is_admin:
        statement = statement.where(DeliveryRow.user_id == caller.user_id)
    if filters.login is not None:
        statement = statement.where(UserRow.login == filters.login)
    for column in (DeliveryRow.event_id, DeliveryRow.channel, DeliveryRow.status):
        wanted = getattr(filters, column.key)
        if wanted is not None:
            statement = statement.where(column == wanted)
    if cursor is not None:
        statement = statement.where(DeliveryRow.id < cursors.key(cursor))
    found = [Listed(row, login) for row, login in await tx.execute(statement)]
    page = found[:limit]
    return page, str(page[-1].row.id) if len(found) > limit else None


async def retry(tx: AsyncSession, delivery_id: UUID, *, caller: Caller, now: datetime) -> Listed:
    """Bring a dead delivery back, to be sent at once and with all its attempts.

    Raises:
        NotFound: there is none, or it is somebody else's.
        Conflict: it is not dead.
    """
    found = (
        await tx.execute(
            select(DeliveryRow, UserRow.login)
            .join(UserRow, UserRow.id == DeliveryRow.user_id)
            .where(DeliveryRow.id == delivery_id)
            .with_for_update(of=DeliveryRow)
        )
    ).one_or_none()
    if found is None or not (caller.is_admin or found[0].user_id == caller.user_id):
        raise NotFound(f"no delivery {delivery_id}")
    row, login = found
    if row.status != "dead":
        raise Conflict(f"the delivery is {row.status}; only a dead one can be retried")
    row.status, row.attempt_at, row.attempts = "pending", now, 0
    await tx.flush()
    jobs.wake(SEND, row.channel)
    telling.tell_of(tx, [row.id])
    return Listed(row, login)


def _changed(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
