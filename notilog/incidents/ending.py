"""The end of incidents: their source says so, they are quiet for long, or somebody says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from notilog import config
from notilog.incidents.escalation import concerns_administrators, reopens_until
from notilog.incidents.history import remember
from notilog.incidents.saying import INCIDENT, Said, Saying, say, take_back
from notilog.incidents.settings import IncidentsSettings
from notilog.incidents.tables import IncidentRow
from notilog.incidents.telling import tell_of

AT_ONCE: Final = 500
_UNRESOLVED: Final = IncidentRow.state != "resolved"


@dataclass(frozen=True, slots=True)
class Over:
    """What a key stands for is over; ``about`` is said of it, None when nobody needs to hear."""

    key: str
    about: Mapping[str, Any] | None = None


async def over(tx: AsyncSession, ended: Sequence[Over], *, now: datetime) -> frozenset[str]:
    """Resolve the incidents of these keys, and tell those who were told of them.

    Returns:
        The keys of those that there were.
    """
    about = {one.key: one.about for one in ended}
    if not about:
        return frozenset()
    rows = await _held(tx, IncidentRow.key.in_(about))
    sayings: list[Saying] = []
    for row in rows:
        news = about[row.key]
        sayings += close(tx, row, "resolved", now=now, about=news)
    await finish(tx, rows, sayings)
    return frozenset(row.key for row in rows)


async def all_over(tx: AsyncSession, prefix: str, *, now: datetime) -> None:
    """Resolve every incident whose key begins so, and tell nobody: its source is no more.

    What the source decided to say itself is still said.
    """
    rows = await _held(tx, IncidentRow.key.startswith(prefix, autoescape=True))
    for row in rows:
        close(tx, row, "resolved", now=now, about=None)
    await finish(tx, rows, (), withdrawn=INCIDENT)


async def end_quiet(tx: AsyncSession, now: datetime) -> bool:
    """Resolve some of those that did not occur for long; says whether there may be more."""
    rows = (
        await tx.scalars(
            select(IncidentRow)
            .where(_UNRESOLVED, IncidentRow.ends_at <= now)
            .order_by(IncidentRow.ends_at)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
    ).all()
    sayings: list[Saying] = []
    for row in rows:
        sayings += close(tx, row, "quiet", now=now, about=row.about)
    await finish(tx, rows, sayings)
    return len(rows) == AT_ONCE


def close(
    tx: AsyncSession,
    row: IncidentRow,
    said: Said,
    *,
    now: datetime,
    about: Mapping[str, Any] | None,
    by: tuple[UUID, str] | None = None,
) -> list[Saying]:
    """Resolve an incident that this transaction holds; `finish` says what this returns.

    Args:
        tx: the transaction.
        row: the incident.
        said: that it is over, or that it was quiet.
        now: when.
        about: the news of it; None says nothing.
        by: the id and login of whoever resolves it; None when it is by itself.
    """
    is_silenced = row.silenced_until is not None and row.silenced_until > now
    user_id, login = by or (None, None)
    policy = config.section(IncidentsSettings).policy
    row.state, row.resolved_at, row.resolved_by = "resolved", now, user_id
    row.ends_at = row.reopens_until = None
    if by is None and about is not None:
        row.reopens_until = reopens_until(policy, now)
    if row.reopens_until is None:
        row.next_at = None
    remember(tx, row.id, "resolved", now=now, user_id=user_id)
    # What comes and goes is said to be over once, until people were told of it again.
    if about is None or is_silenced or row.step <= row.over_step:
        return []
    row.over_step = row.step
    administrators = concerns_administrators(policy, row.step)
    told = {"about": about, "by": login, "spared": user_id, "administrators": administrators}
    return [Saying.of(row, said, at=now, **told)]


async def _held(tx: AsyncSession, which: Any) -> Sequence[IncidentRow]:
    """In one order for everybody, so that two transactions never wait for each other."""
    rows = await tx.scalars(
        select(IncidentRow)
        .where(_UNRESOLVED, which)
        .order_by(IncidentRow.key.collate("C"))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return rows.all()


async def finish(
    tx: AsyncSession,
    rows: Sequence[IncidentRow],
    sayings: Sequence[Saying],
    *,
    withdrawn: str | None = None,
) -> None:
    """Write down that these are over, and say what is to be said of it.

    Of messages that were not sent yet those of the kind ``withdrawn`` are taken back; None takes
    all.
    """
    ids = [row.id for row in rows]
    await tx.flush()
    await take_back(tx, ids, kind=withdrawn)
    await say(tx, sayings)
    tell_of(tx, ids)
