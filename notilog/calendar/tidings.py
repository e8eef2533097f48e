"""Telling people what happened to an event: that they are asked to it, that it changed or is off.

These are deliveries like reminders, decided in the transaction of what they tell of and sent at
once; by e-mail to whoever has an address, when that channel is configured.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import jobs
from notilog.calendar import overrides, participation
from notilog.calendar.exporting import invitation
from notilog.calendar.occurrences import series_end
from notilog.calendar.participation import Replaced
from notilog.calendar.series import Happening, Series
from notilog.calendar.tables import EventRow, ParticipantRow
from notilog.notifications import deliveries
from notilog.notifications.channels import is_configured
from notilog.notifications.deliveries import Decision
from notilog.notifications.wishes import LOW
from notilog.users.tables import UserRow

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
    if not any(whom.values()):
        return
    series = Series(event.schedule, await overrides.all_of(tx, event.id))
    if not (_lasts(series, now) if occurrence is None else occurrence.end > now):
        return
    author = await tx.get_one(UserRow, event.author_id)
    people = await _people(tx, event, set().union(*whom.values()))
    news = _News(event, series, author, occurrence, now)
    decisions = [
        news.decision(kind, *people[user_id])
        for kind, user_ids in whom.items()
        for user_id in user_ids
    ]
    await deliveries.decide(tx, decisions)
    for channel in {decision.channel for decision in decisions}:
        jobs.wake(deliveries.SEND, channel)


@dataclass(frozen=True, slots=True)
class _News:
    """What there is to tell, before it is known to whom."""

    event: EventRow
    series: Series
    author: UserRow
    occurrence: Happening | None
    now: datetime

    def decision(self, kind: Kind, guest: UserRow, answer: str) -> Decision:
        """To tell it to one guest, who has answered so far as ``answer`` says."""
        channel = _channel_of(guest)
        content = _content(self.event, self.author, self.occurrence)
        if channel == "email":
            content["calendar"] = invitation(
                self.event,
                self.series,
                author=self.author,
                guest=guest,
                decision=answer,
                cancelled=kind == "cancellation" and self.occurrence is None,
                now=self.now,
            )
        return Decision(
            kind=kind,
            event_id=self.event.id,
            user_id=guest.id,
            channel=channel,
            priority=LOW,
            content=content,
            due_at=self.now,
        )


def _lasts(series: Series, now: datetime) -> bool:
    """Whether anything of the series is still to come."""
    end = series_end(series.schedule)
    return end is None or end > now or any(one.end > now for one in series.overrides.values())


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
        "organizer": author.login,
        "author": f"{author.first_name} {author.last_name}".strip(),
    }
