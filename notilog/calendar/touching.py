"""The events of some people that may touch a window of time, found by a few indexed queries."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Uuid, any_, bindparam, exists, or_, select
from sqlalchemy import union as union_of
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.calendar import overrides
from notilog.calendar.intervals import Interval
from notilog.calendar.occurrences import most_between
from notilog.calendar.series import Series
from notilog.calendar.tables import EventRow, OccurrenceDecisionRow, OverrideRow, ParticipantRow
from notilog.calendar.visibility import takes_part
from notilog.errors import Invalid
from notilog.users.caller import Caller
from notilog.users.tables import UserRow

MOST_OCCURRENCES = 100_000
TOO_MANY = (
    f"the window may hold more than {MOST_OCCURRENCES:,} occurrences;"
    " ask for a shorter one, or for fewer people"
)


@dataclass(frozen=True, slots=True)
class Touching:
    """An event, and what those asked about decided; ``asked`` is whether the caller takes part.

    ``decisions`` are of the series, ``apart`` of single occurrences, by original start.
    """

    event: EventRow
    author: str
    asked: bool
    series: Series
    decisions: dict[UUID, str]
    apart: dict[datetime, dict[UUID, str]]

    def coming(
        self, original_start: datetime | None = None, *, caller: UUID | None = None
    ) -> list[UUID]:
        """Who takes part in the occurrence, or usually; the caller even when they have declined."""
        apart = self.apart.get(original_start) if original_start else None
        decided = self.decisions | apart if apart else self.decisions
        return [id_ for id_, decision in decided.items() if decision != "no" or id_ == caller]


async def touching(
    tx: AsyncSession,
    caller: Caller,
    user_ids: Collection[UUID],
    *,
    window: Interval,
    end: str = "to",
    only_busy: bool = False,
    most: int | None = MOST_OCCURRENCES,
    exceptions_from: datetime | None = None,
) -> list[Touching]:
    """The events of these people; some may have no occurrence in the window after all.

    ``only_busy`` leaves out those that take nobody's time. What is known of single occurrences is
    that from the window on, or from ``exceptions_from``.

    Raises:
        Invalid: the window has more than ``most``; ``end`` is the field that is named.
    """
    statement = _events(caller, user_ids, window).limit(most and most + 1)
    if only_busy:
        statement = statement.where(EventRow.busy)
    rows = (await tx.execute(statement)).all()
    schedules = [row.schedule for row, _, _ in rows]
    if most is not None and most < sum(
        most_between(one, window.start, window.end) for one in schedules
    ):
        raise Invalid.field(end, TOO_MANY)
    ids = [row.id for row, _, _ in rows]
    since = exceptions_from or window.start
    changed = await overrides.loaded(tx, ids, since=since)
    decisions = await _decisions(tx, ids, user_ids)
    apart = await _apart(tx, list(changed), user_ids, since=since)
    asked = set(user_ids)
    return [
        Touching(
            row,
            author,
            takes_part_,
            Series(schedule, changed[row.id]),
            _with_author(decisions[row.id], row.author_id, asked),
            apart[row.id],
        )
        for (row, author, takes_part_), schedule in zip(rows, schedules, strict=True)
    ]


def _with_author(decisions: dict[UUID, str], author: UUID, asked: set[UUID]) -> dict[UUID, str]:
    return {author: "yes", **decisions} if author in asked else decisions


def _events(
    caller: Caller, user_ids: Collection[UUID], window: Interval
) -> Select[EventRow, str, bool]:
    theirs = union_of(
        select(EventRow.id).where(EventRow.author_id == any_of(user_ids)),
        select(ParticipantRow.event_id).where(ParticipantRow.user_id == any_of(user_ids)),
    )
    return (
        select(EventRow, UserRow.login, takes_part(caller))
        .join(UserRow, UserRow.id == EventRow.author_id)
        .where(
            EventRow.id.in_(theirs),
            EventRow.cancelled_at.is_(None),
            or_(_regularly(window), _by_override(window)),
        )
    )


def _regularly(window: Interval) -> ColumnElement[bool]:
    is_endless = EventRow.series_end.is_(None)
    ends_later = or_(is_endless, EventRow.series_end >= window.start)
    return (EventRow.starts_at < window.end) & ends_later


def _by_override(window: Interval) -> ColumnElement[bool]:
    return exists().where(
        OverrideRow.event_id == EventRow.id,
        OverrideRow.starts_at < window.end,
        OverrideRow.ends_at >= window.start,
    )


async def _decisions(
    tx: AsyncSession, events: Collection[UUID], user_ids: Collection[UUID]
) -> dict[UUID, dict[UUID, str]]:
    found: dict[UUID, dict[UUID, str]] = defaultdict(dict)
    row = ParticipantRow
    statement = select(row.event_id, row.user_id, row.decision).where(
        row.event_id == any_of(events), row.user_id == any_of(user_ids)
    )
    for event_id, user_id, decision in await tx.execute(statement):
        found[event_id][user_id] = decision
    return found


async def _apart(
    tx: AsyncSession, events: Collection[UUID], user_ids: Collection[UUID], *, since: datetime
) -> dict[UUID, dict[datetime, dict[UUID, str]]]:
    """What was decided of single occurrences, each of which then has an override."""
    found: dict[UUID, dict[datetime, dict[UUID, str]]] = defaultdict(lambda: defaultdict(dict))
    if not events:
        return found
    row = OccurrenceDecisionRow
    statement = (
        select(row.event_id, row.original_start, row.user_id, row.decision)
        .join(OverrideRow, overrides.of(row))
        .join(EventRow, EventRow.id == row.event_id)
        .where(
            row.event_id == any_of(events),
            row.user_id == any_of(user_ids),
            overrides.matters_from(since),
        )
    )
    for event_id, original_start, user_id, decision in await tx.execute(statement):
        found[event_id][original_start][user_id] = decision
    return found


def any_of(ids: Collection[UUID]) -> Any:
    """What a column is compared with, to be one of these, however many."""
    return any_(bindparam(None, list(ids), type_=ARRAY(Uuid), unique=True))
