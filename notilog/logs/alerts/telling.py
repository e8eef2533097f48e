"""What a rule has to say, as deliveries to the people it tells."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import jobs
from notilog.logs.alerts.raising import ALERT, raised
from notilog.logs.alerts.sayings import Addressed, Saying, Told, content_of, priority_of
from notilog.logs.alerts.tables import AlertRecipientRow, AlertRuleRow
from notilog.notifications import deliveries
from notilog.notifications.deliveries import Decision
from notilog.notifications.usual import usual_channel
from notilog.users.tables import UserRow


async def tell(tx: AsyncSession, said: Sequence[Saying]) -> None:
    """Decide a delivery to everybody whom the rules tell, and wake its channel.

    Rules that raise incidents open, count up or end them.
    """
    if not said:
        return
    addressed = await _addressed(tx, {saying.rule.id for saying in said})
    to_say: list[tuple[Saying, UUID | None]] = [(saying, None) for saying in said]
    if any(saying.rule.incident for saying in said):
        to_say = await raised(tx, said, addressed)
    decisions = [
        Decision(
            kind=ALERT,
            event_id=incident_id,
            user_id=person.user_id,
            channel=person.channel,
            priority=priority_of(saying),
            content=content_of(saying, name=addressed[saying.rule.id].rule_name),
            due_at=saying.verdict.at,
        )
        for saying, incident_id in to_say
        for person in addressed[saying.rule.id].people
    ]
    if not decisions:
        return
    await deliveries.decide(tx, decisions)
    for channel in sorted({decision.channel for decision in decisions}):
        jobs.wake(deliveries.SEND, channel)


async def _addressed(tx: AsyncSession, rule_ids: Collection[UUID]) -> dict[UUID, Addressed]:
    statement = (
        select(AlertRuleRow.id, AlertRuleRow.name, AlertRecipientRow.channel, UserRow)
        .outerjoin(AlertRecipientRow, AlertRecipientRow.rule_id == AlertRuleRow.id)
        .outerjoin(UserRow, UserRow.id == AlertRecipientRow.user_id)
        .where(AlertRuleRow.id.in_(rule_ids))
        .order_by(AlertRecipientRow.user_id)
    )
    names: dict[UUID, str] = {}
    people: dict[UUID, list[Told]] = {}
    for rule_id, name, channel, person in await tx.execute(statement):
        names[rule_id] = name
        told = people.setdefault(rule_id, [])
        if person is not None:
            told.append(Told(person.id, channel, channel or usual_channel(person)))
    return {rule_id: Addressed(name, tuple(people[rule_id])) for rule_id, name in names.items()}
