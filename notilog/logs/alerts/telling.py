"""What a rule has to say, as deliveries to the people it tells."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import jobs
from notilog.logs.alerts.counting import Verdict
from notilog.logs.alerts.matching import Rule
from notilog.logs.alerts.tables import AlertRecipientRow, AlertRuleRow
from notilog.logs.levels import NUMBERS
from notilog.notifications import deliveries
from notilog.notifications.deliveries import Decision
from notilog.notifications.usual import usual_channel
from notilog.notifications.wishes import CRITICAL, LOW, NEAR
from notilog.users.tables import UserRow

ALERT: Final = "alert"


@dataclass(frozen=True, slots=True)
class Saying:
    """Something that a rule has to say of one of its groups."""

    rule: Rule
    fingerprint: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Told:
    """Somebody whom a rule tells, and where."""

    user_id: UUID
    channel: str
    rule_name: str


async def tell(tx: AsyncSession, said: Sequence[Saying]) -> None:
    """Decide a delivery to everybody whom the rules tell, and wake its channel."""
    if not said:
        return
    people = await _people(tx, {saying.rule.id for saying in said})
    decisions = [
        Decision(
            kind=ALERT,
            event_id=None,
            user_id=person.user_id,
            channel=person.channel,
            priority=priority_of(saying),
            content=content_of(saying, name=person.rule_name),
            due_at=saying.verdict.at,
        )
        for saying in said
        for person in people.get(saying.rule.id, ())
    ]
    if not decisions:
        return
    await deliveries.decide(tx, decisions)
    for channel in sorted({decision.channel for decision in decisions}):
        jobs.wake(deliveries.SEND, channel)


def priority_of(saying: Saying) -> int:
    """By the level of the line; absence has that of the lines that are missing."""
    rule, line = saying.rule, saying.verdict.line
    level = line["level"] if line else rule.level or rule.min_level or NUMBERS["warning"]
    if level >= NUMBERS["critical"]:
        return CRITICAL
    if level >= NUMBERS["warning"] or rule.kind == "absence":
        return NEAR
    return LOW


def content_of(saying: Saying, *, name: str) -> dict[str, Any]:
    """What a message is made of; see `notilog.notifications.alerting.alert`."""
    rule, verdict = saying.rule, saying.verdict
    line = verdict.line or {}
    return {
        "rule_id": str(rule.id),
        "rule": name,
        "group": saying.fingerprint,
        "said": verdict.said,
        "at": verdict.at.isoformat(),
        "since": verdict.since and verdict.since.isoformat(),
        "count": verdict.count,
        "within_seconds": rule.within and rule.within.total_seconds(),
        "project": line.get("project") or rule.project,
        "module": line.get("module") or rule.module,
        "line": verdict.line,
    }


async def _people(tx: AsyncSession, rule_ids: Collection[UUID]) -> dict[UUID, list[_Told]]:
    statement = (
        select(AlertRuleRow.id, AlertRuleRow.name, AlertRecipientRow.channel, UserRow)
        .join(AlertRecipientRow, AlertRecipientRow.rule_id == AlertRuleRow.id)
        .join(UserRow, UserRow.id == AlertRecipientRow.user_id)
        .where(AlertRuleRow.id.in_(rule_ids))
        .order_by(AlertRecipientRow.user_id)
    )
    found: dict[UUID, list[_Told]] = {}
    for rule_id, name, channel, person in await tx.execute(statement):
        told = _Told(person.id, channel or usual_channel(person), name)
        found.setdefault(rule_id, []).append(told)
    return found
