"""The incidents of rules that raise them: one for each group, told on until somebody acts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Text, cast, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.incidents.concerning import concern
from notilog.incidents.ending import Over, all_over, over
from notilog.incidents.escalation import Severity
from notilog.incidents.opening import Occurrence, Recipient, occurred, unresolved
from notilog.incidents.tables import UNRESOLVED, IncidentRow
from notilog.logs.alerts.sayings import Addressed, Saying, content_of, priority_of
from notilog.logs.alerts.states import OTHER, Group
from notilog.logs.alerts.tables import AlertRecipientRow, AlertRuleRow
from notilog.notifications.wishes import CRITICAL, NEAR

ALERT: Final = "alert"
MOST: Final = 100
"""Incidents of a rule that are not resolved; other groups share one more."""
_SEVERITIES: Final[dict[int, Severity]] = {CRITICAL: "critical", NEAR: "warning"}


async def raised(
    tx: AsyncSession, said: Sequence[Saying], addressed: Mapping[UUID, Addressed]
) -> list[tuple[Saying, UUID | None]]:
    """Open, count up and end the incidents of what is said; returns what rules are still to say.

    That is what opened an incident, which is named with it, unless it is silenced: of what occurs
    again the incident tells, and of something that is back too if there was one of it.
    """
    shared = await _shared(tx, [one for one in said if _opens(one)])
    last = {_key(one): one for one in said if one.rule.incident}
    backs = [one for one in said if _ends(one)]
    # What was back and is missing again is another incident, so the one before ends first.
    ended = await _ended(tx, [one for one in backs if _opens(last[_key(one)])], addressed)
    found = await occurred(tx, [_occurrence(one, addressed, shared) for one in said if _opens(one)])
    ended |= await _ended(tx, [one for one in backs if _ends(last[_key(one)])], addressed)
    new = {key: one.id for key, one in found.items() if one.is_new and not one.silenced}
    silenced = {key for key, one in found.items() if one.silenced}
    left: list[tuple[Saying, UUID | None]] = []
    for one in said:
        if not one.rule.incident:
            left.append((one, None))
        elif _opens(one):
            if (incident_id := new.pop(shared.get(_key(one), _key(one)), None)) is not None:
                left.append((one, incident_id))
        elif _key(one) not in ended | silenced:
            left.append((one, None))
    return left


async def end_of(tx: AsyncSession, rule_id: UUID, *, now: datetime) -> None:
    """Resolve the incidents of a rule that is no more, or looks for something else."""
    await all_over(tx, f"{_prefix(rule_id)}:", now=now)


async def readdressed(tx: AsyncSession, rule_id: UUID) -> None:
    """Let the incidents of a rule concern those whom it tells now."""
    told = await tx.execute(
        select(AlertRecipientRow.user_id, AlertRecipientRow.channel).where(
            AlertRecipientRow.rule_id == rule_id
        )
    )
    people = [Recipient(user_id, channel) for user_id, channel in told]
    await concern(tx, f"{_prefix(rule_id)}:", people)


async def end_left(tx: AsyncSession, now: datetime) -> None:
    """Resolve incidents that last although no rule raises them any more, and say nothing."""
    of_key = cast(AlertRuleRow.id, Text) == func.split_part(IncidentRow.key, ":", 2)
    left = await tx.scalars(
        select(IncidentRow.key).where(
            text(UNRESOLVED),
            IncidentRow.source == ALERT,
            IncidentRow.ends_at.is_(None),
            ~exists().where(of_key, AlertRuleRow.enabled, AlertRuleRow.incident),
        )
    )
    await over(tx, [Over(key) for key in left], now=now)


async def forgotten(tx: AsyncSession, groups: Sequence[Group], *, now: datetime) -> None:
    """Resolve the incidents of groups that are not waited for any more, and say nothing."""
    ended = [Over(f"{_prefix(rule_id)}:{fingerprint}") for rule_id, fingerprint in groups]
    await over(tx, ended, now=now)


def _opens(saying: Saying) -> bool:
    return saying.rule.incident and saying.verdict.said != "back"


def _ends(saying: Saying) -> bool:
    return saying.rule.incident and saying.verdict.said == "back"


async def _shared(tx: AsyncSession, opening: Sequence[Saying]) -> dict[str, str]:
    """The keys for which there is no room, and that which each of them shares with its like.

    Rules that raise at the same time may have some more.
    """
    wanted: dict[str, dict[str, None]] = {}
    for one in opening:
        wanted.setdefault(f"{_prefix(one.rule.id)}:", {})[_key(one)] = None
    known = await unresolved(tx, wanted)
    shared: dict[str, str] = {}
    for prefix, keys in wanted.items():
        other = f"{prefix}{OTHER}"
        living = sum(key.startswith(prefix) for key in known - {other})
        new = [key for key in keys if key not in known and key != other]
        shared |= dict.fromkeys(new[max(0, MOST - living) :], other)
    return shared


def _occurrence(
    saying: Saying, addressed: Mapping[UUID, Addressed], shared: Mapping[str, str]
) -> Occurrence:
    known = addressed[saying.rule.id]
    about = content_of(saying, name=known.rule_name)
    origin = "/".join(place for place in (about["project"], about["module"]) if place)
    key = shared.get(_key(saying), _key(saying))
    return Occurrence(
        key=key,
        source=ALERT,
        title=" — ".join(part for part in (known.rule_name, origin) if part),
        severity=_SEVERITIES.get(priority_of(saying), "info"),
        about=about,
        at=saying.verdict.at,
        recipients=tuple(Recipient(person.user_id, person.chosen) for person in known.people),
        project=about["project"],
        # That one of many is back does not end what they share.
        lasts=saying.rule.kind == "absence" and key == _key(saying),
        told=True,
    )


async def _ended(
    tx: AsyncSession, backs: Sequence[Saying], addressed: Mapping[UUID, Addressed]
) -> frozenset[str]:
    if not backs:
        return frozenset()
    news = [
        Over(_key(one), content_of(one, name=addressed[one.rule.id].rule_name)) for one in backs
    ]
    return await over(tx, news, now=max(one.verdict.at for one in backs))


def _key(saying: Saying) -> str:
    return f"{_prefix(saying.rule.id)}:{saying.fingerprint}"


def _prefix(rule_id: UUID) -> str:
    return f"alert:{rule_id}"
