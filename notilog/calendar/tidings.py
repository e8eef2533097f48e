"""Telling people what happened to an event: that they are asked to it, that it changed or is off.

These are deliveries like reminders, decided in the transaction of what they tell of and sent at
once; by e-mail to whoever has an address, when that channel is configured.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import jobs
from notilog.calendar import overrides, participation
from notilog.calendar.exporting import invitation
from notilog.calendar.participation import Replaced
from notilog.calendar.series import Happening, Series
from notilog.calendar.tables import EventRow, ParticipantRow
from notilog.notifications import deliveries
from notilog.notifications.channels import is_configured
from notilog.notifications.deliveries import Decision
from notilog.users.tables import UserRow

PRIORITY = 6
Kind = Literal["invitation", "update", "cancellation"]


async def tell(
    tx: AsyncSession,
    event: EventRow,
    whom: Mapping[Kind, Collection[UUID]],
    *,
    occurrence: Happening | None = None,
    now: datetime,
) -> None:
    """Tell these people of the event, or of one occurrence; nobody is told of what is over."""
    end = event.series_end if occurrence is None else occurrence.end
    if (end is not None and end <= now) or not any(whom.values()):
        return
    author = await tx.get_one(UserRow, event.author_id)
    everybody = {user_id for user_ids in whom.values() for user_id in user_ids}
    people = await _people(tx, event, everybody)
    content = _content(event, author, occurrence)
    series = Series(event.schedule, (await overrides.all_of(tx, event.id)))
    decisions = []
    for kind, user_ids in whom.items():
        is_off = kind == "cancellation" and occurrence is None
        for user_id in user_ids:
            guest, decision = people[user_id]
            channel = _channel_of(guest)
            mine = dict(content)
            if channel == "email":
                mine["calendar"] = invitation(
                    event,
                    series,
                    author=author,
                    guest=guest,
                    decision=decision,
                    cancelled=is_off,
                    now=now,
                )
            decisions.append(
                Decision(
                    kind=kind,
                    event_id=event.id,
                    user_id=user_id,
                    channel=channel,
                    priority=PRIORITY,
                    content=mine,
                    due_at=now,
                )
            )
    await deliveries.decide(tx, decisions)
    for channel in {decision.channel for decision in decisions}:
        jobs.wake(deliveries.SEND, channel)


async def tell_of_change(
    tx: AsyncSession, event: EventRow, *, replaced: Replaced, is_told: bool, now: datetime
) -> None:
    """Tell who was asked, who is not any more and, when ``is_told``, everybody else."""
    whom: dict[Kind, Collection[UUID]] = {
        "invitation": replaced.asked,
        "cancellation": replaced.gone,
    }
    if is_told:
        whom["update"] = await participation.coming(tx, event) - replaced.asked
    await tell(tx, event, whom, now=now)


async def _people(
    tx: AsyncSession, event: EventRow, user_ids: Collection[UUID]
) -> dict[UUID, tuple[UserRow, str]]:
    """These people and what they decided, as far as they are still asked."""
    statement = (
        select(UserRow, ParticipantRow.decision)
        .outerjoin(
            ParticipantRow,
            (ParticipantRow.user_id == UserRow.id) & (ParticipantRow.event_id == event.id),
        )
        .where(UserRow.id.in_(user_ids))
    )
    found = (await tx.execute(statement)).all()
    return {user.id: (user, decision or "undecided") for user, decision in found}


def _channel_of(person: UserRow) -> str:
    return "email" if person.email is not None and is_configured("email") else "log"


def _content(event: EventRow, author: UserRow, occurrence: Happening | None) -> dict[str, Any]:
    schedule = event.schedule
    first = schedule.first
    happening = occurrence or Happening(first.start, first.end, first.original_start)
    name, description = happening.words(event.name, event.description)
    return {
        "name": name,
        "description": description,
        "start": happening.start.isoformat(),
        "end": happening.end.isoformat(),
        "timezone": schedule.zone.key,
        "all_day": schedule.all_day,
        "author": f"{author.first_name} {author.last_name}".strip(),
    }
