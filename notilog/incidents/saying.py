"""What is said of incidents, as deliveries to the people whom they concern."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import jobs
from notilog.incidents.escalation import Severity
from notilog.incidents.tables import IncidentRecipientRow, IncidentRow
from notilog.notifications import deliveries
from notilog.notifications.deliveries import Decision
from notilog.notifications.tables import DeliveryRow
from notilog.notifications.usual import usual_channel
from notilog.notifications.wishes import CRITICAL, MINOR, NEAR, SERIOUS
from notilog.users.tables import UserRow

Said = Literal["opened", "again", "resolved", "quiet"]

INCIDENT: Final = "incident"
PRIORITIES: Final[dict[Severity, int]] = {"critical": CRITICAL, "warning": SERIOUS, "info": MINOR}
FEW: Final = 3
"""Messages that somebody has one by one, when they are decided at once."""
_Addressed = dict[UUID, tuple[UserRow, str | None]]
"""By their ids, people and the channels that were chosen for them."""


@dataclass(frozen=True, slots=True)
class Saying:
    """Something to say of an incident; see `notilog.notifications.incident_texts`.

    ``administrators`` are told too when it says so, and ``spared`` is not: who did it knows. That
    it is over is told to those who heard of it.
    """

    incident_id: UUID
    source: str
    severity: Severity
    said: Said
    about: Mapping[str, Any]
    at: datetime
    since: datetime
    step: int
    by: str | None = None
    spared: UUID | None = None
    administrators: bool = False

    @classmethod
    def of(cls, row: IncidentRow, said: Said, *, at: datetime, **more: Any) -> Self:
        """Of an incident as it stands."""
        return cls(
            **{
                "incident_id": row.id,
                "source": row.source,
                "severity": row.severity,
                "said": said,
                "about": row.about,
                "at": at,
                "since": row.opened_at,
                "step": row.step,
                **more,
            }
        )

    @property
    def is_over(self) -> bool:
        return self.said in {"resolved", "quiet"}

    @property
    def priority(self) -> int:
        return NEAR if self.is_over else PRIORITIES[self.severity]


async def say(tx: AsyncSession, sayings: Sequence[Saying]) -> None:
    """Decide a delivery to everybody whom it concerns, and wake its channel.

    Whoever is told of more than a few at once has them in one message.
    """
    if not sayings:
        return
    concerned = await _concerned(tx, {saying.incident_id for saying in sayings})
    administrators = await _administrators(tx, sayings)
    heard = await _heard(tx, {saying.incident_id for saying in sayings if saying.is_over})
    decisions = [
        _decision(saying, person, channel)
        for saying in sayings
        for person, channel in _people(saying, concerned, administrators)
        if not saying.is_over or (saying.incident_id, person.id) in heard
    ]
    await deliveries.decide(tx, _gathered(decisions))
    for channel in sorted({decision.channel for decision in decisions}):
        jobs.wake(deliveries.SEND, channel)


async def take_back(
    tx: AsyncSession, incident_ids: Iterable[UUID], *, kind: str | None = None
) -> None:
    """Let nothing be sent of these that was not sent yet: somebody knows, or it is over.

    Messages of the source about them are taken back too, unless a ``kind`` is named.
    """
    await deliveries.withdraw(tx, *incident_ids, kind=kind, on_the_way=False)


def _gathered(decisions: Sequence[Decision]) -> list[Decision]:
    told = Counter(decision.user_id for decision in decisions)
    at = max((decision.due_at for decision in decisions), default=None)
    return [
        replace(decision, held_until=at) if told[decision.user_id] > FEW else decision
        for decision in decisions
    ]


def _people(
    saying: Saying, concerned: Mapping[UUID, _Addressed], administrators: _Addressed
) -> list[tuple[UserRow, str | None]]:
    people = dict(administrators) if saying.administrators else {}
    people |= concerned.get(saying.incident_id, {})
    return [people[user_id] for user_id in sorted(people) if user_id != saying.spared]


def _decision(saying: Saying, person: UserRow, channel: str | None) -> Decision:
    return Decision(
        kind=INCIDENT,
        event_id=saying.incident_id,
        user_id=person.id,
        channel=channel or usual_channel(person),
        priority=saying.priority,
        content={
            "incident_id": str(saying.incident_id),
            "source": saying.source,
            "severity": saying.severity,
            "said": saying.said,
            "at": saying.at.isoformat(),
            "since": saying.since.isoformat(),
            "step": saying.step,
            "by": saying.by,
            "about": saying.about,
        },
        due_at=saying.at,
    )


async def _concerned(tx: AsyncSession, ids: Collection[UUID]) -> dict[UUID, _Addressed]:
    statement = (
        select(IncidentRecipientRow.incident_id, IncidentRecipientRow.channel, UserRow)
        .join(UserRow, UserRow.id == IncidentRecipientRow.user_id)
        .where(IncidentRecipientRow.incident_id.in_(ids))
    )
    found: dict[UUID, _Addressed] = {}
    for incident_id, channel, person in await tx.execute(statement):
        found.setdefault(incident_id, {})[person.id] = (person, channel)
    return found


async def _heard(tx: AsyncSession, ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """Of which of these incidents who was told, or is being told."""
    if not ids:
        return set()
    statement = select(DeliveryRow.event_id, DeliveryRow.user_id).where(
        DeliveryRow.event_id.in_(ids), DeliveryRow.status.in_(("sending", "sent"))
    )
    found = await tx.execute(statement.distinct())
    return {(incident_id, user_id) for incident_id, user_id in found if incident_id is not None}


async def _administrators(tx: AsyncSession, sayings: Sequence[Saying]) -> _Addressed:
    if not any(saying.administrators for saying in sayings):
        return {}
    people = await tx.scalars(select(UserRow).where(UserRow.role == "admin"))
    return {person.id: (person, None) for person in people}
