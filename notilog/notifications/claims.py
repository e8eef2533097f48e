"""Claiming deliveries for a while, and recording what became of them, many rows at a time.

A claim is a check before sending: whoever cancels, declines or edits has withdrawn the row in the
same transaction, so what can be claimed is meant. What waited after that is checked once more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.notifications import telling
from notilog.notifications.attempts import Outcome
from notilog.notifications.channels.channel import Recipient
from notilog.notifications.quiet import held_back

DIGESTS = UUID("0d8fa7f6-3c5b-4b52-9a53-7f6a1f5c3c11")
"""The namespace of the ids of messages that tell of several deliveries."""
HELD_SHARE = 4
"""One part in so many of what is claimed is for what was held."""
LEASE = timedelta(seconds=30)
"""By the clocks of the workers' machines, which must agree: see the README."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to send until ``lease_until``.

    ``wanted_at`` is when it was to leave: when it fell due, or until when it was held.
    """

    id: UUID
    kind: str
    content: dict[str, Any]
    due_at: datetime
    wanted_at: datetime
    late: bool
    attempts: int
    lease_until: datetime
    language: str
    timezone: str
    to: Recipient

    @property
    def claimed_at(self) -> datetime:
        return self.lease_until - LEASE


@dataclass(frozen=True, slots=True)
class Parcel:
    """Deliveries to one person that leave as one message; most often a single one."""

    claims: tuple[Claim, ...]

    @property
    def first(self) -> Claim:
        return self.claims[0]

    @property
    def attempts(self) -> int:
        return max(claimed.attempts for claimed in self.claims)

    @property
    def id(self) -> UUID:
        """The same for the same deliveries, so that a repetition can be seen."""
        if len(self.claims) == 1:
            return self.first.id
        return uuid5(DIGESTS, " ".join(sorted(str(claimed.id) for claimed in self.claims)))


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim found; those that were missed are recorded so, and are not to be sent."""

    parcels: list[Parcel]
    missed: int


# Never tried and its occurrence began: a reminder of it would be noise, the record is enough.
_TAKE = """
    UPDATE deliveries AS d
    SET status = CASE WHEN due.missed THEN 'missed' ELSE 'sending' END,
        attempts = d.attempts + CASE WHEN due.missed THEN 0 ELSE 1 END,
        attempt_at = :lease_until,
        late = d.late OR coalesce(d.held_until, d.due_at) < :late_before
    FROM due, users AS u
    WHERE d.id = due.id AND u.id = d.user_id
    RETURNING d.priority, due.missed, d.id, d.kind, d.content, d.due_at, d.held_until, d.late,
              d.attempts, d.starts_at, d.user_id, u.language, u.timezone,
              u.login, u.email, u.phone, u.telegram_chat_id, u.slack_webhook
    """
_MISSED = """
    coalesce(attempts = 0 AND last_error IS NULL
             AND starts_at <= :now AND due_at < :late_before, false) AS missed
    """
_CLAIM = text(
    f"""
    WITH due AS (
        SELECT id, {_MISSED}
        FROM deliveries
        WHERE channel = :channel AND status IN ('pending', 'sending') AND attempt_at <= :now
          AND held_until IS NULL
        ORDER BY priority, attempt_at
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    {_TAKE}
    """  # noqa: S608  put together from constants
)
_CLAIM_HELD = text(
    f"""
    WITH groups AS MATERIALIZED (
        SELECT DISTINCT held_until, user_id
        FROM deliveries
        WHERE channel = :channel AND status IN ('pending', 'sending') AND attempt_at <= :now
          AND held_until IS NOT NULL
        ORDER BY held_until, user_id
        LIMIT :limit
    ), due AS (
        SELECT d.id, {_MISSED}
        FROM deliveries AS d JOIN groups AS g USING (held_until, user_id)
        WHERE d.channel = :channel AND d.status IN ('pending', 'sending') AND d.attempt_at <= :now
        FOR UPDATE OF d SKIP LOCKED
    )
    {_TAKE}
    """  # noqa: S608  put together from constants
)
# What was held is gathered by one process at a time, so that no message is torn in two.
_MAY_GATHER = text(
    "SELECT pg_try_advisory_xact_lock(hashtext('deliveries held'), hashtext(:channel))"
)

# A row that was withdrawn, or decided again, while it was on its way: that it arrived is still the
# truth. A row that somebody else holds is not waited for, so that nobody waits for us in turn.
_RECORD = text(
    """
    WITH free AS (
        SELECT id FROM deliveries
        WHERE id = ANY(CAST(:id AS uuid[]))
        FOR UPDATE SKIP LOCKED
    ), recorded AS (
    UPDATE deliveries AS d
    SET status = o.status, attempt_at = o.attempt_at, sent_at = o.sent_at,
        last_error = COALESCE(o.error, d.last_error),
        attempts = d.attempts - CASE WHEN o.tried THEN 0 ELSE 1 END
    FROM unnest(
        CAST(:id AS uuid[]), CAST(:lease_until AS timestamptz[]), CAST(:status AS text[]),
        CAST(:attempt_at AS timestamptz[]), CAST(:sent_at AS timestamptz[]),
        CAST(:error AS text[]), CAST(:tried AS boolean[])
    ) AS o (id, lease_until, status, attempt_at, sent_at, error, tried), free
    WHERE d.id = o.id AND d.id = free.id AND d.attempt_at = o.lease_until
      AND (d.status = 'sending' OR (d.status IN ('withdrawn', 'pending') AND o.status = 'sent'))
    )
    SELECT id FROM free
    """
)

_OURS = text(
    """
    SELECT id FROM deliveries
    WHERE id = ANY(CAST(:ids AS uuid[])) AND status = 'sending' AND attempt_at = :lease_until
    """
)

_NEXT_DUE = text(
    """
    SELECT min(attempt_at) FROM deliveries
    WHERE channel = :channel AND status IN ('pending', 'sending')
      AND attempt_at > :now AND attempt_at <= :until
    """
)


async def claim(
    tx: AsyncSession, channel: str, *, now: datetime, limit: int, late_after: timedelta
) -> Claimed:
    """Take up to ``limit`` messages' deliveries that are due, the most urgent first.

    What was held until the same instant for one person is one parcel. Rows whose lease ran out are
    due again: whoever held them died, or could not record.
    """
    if limit <= 0:
        return Claimed([], 0)
    lease_until = now + LEASE
    values = {
        "channel": channel,
        "now": now,
        "limit": limit,
        "late_before": now - late_after,
        "lease_until": lease_until,
    }
    # A share for what was held comes first, or a backlog of other messages would keep it waiting.
    groups = max(1, limit // HELD_SHARE)
    held: Sequence[Row[Any]] = ()
    if await tx.scalar(_MAY_GATHER, {"channel": channel}):
        held = (await tx.execute(_CLAIM_HELD, values | {"limit": groups})).all()
    left = max(0, limit - len(held))
    found = (await tx.execute(_CLAIM, values | {"limit": left})).all()
    late = (row for row in (*held, *found) if _may_disturb(row, late_before=now - late_after))
    asleep = await held_back(tx, late, now=now)
    gathered = _gathered(
        (row for row in held if not row.missed and row.id not in asleep), lease_until
    )
    ours = (row for row in found if not row.missed and row.id not in asleep)
    singles = sorted(ours, key=attrgetter("priority"))
    parcels = [Parcel((_claim(row, lease_until),)) for row in singles] + gathered
    return Claimed(parcels, sum(row.missed for row in (*found, *held)))


def _may_disturb(row: Row[Any], *, late_before: datetime) -> bool:
    """Whether it leaves at another time than was thought of when it was decided."""
    wanted_at = row.held_until or row.due_at
    return not row.missed and (row.attempts > 1 or wanted_at < late_before)


def _gathered(rows: Iterable[Row[Any]], lease_until: datetime) -> list[Parcel]:
    """One parcel for each person and instant; what needs an answer goes by itself."""
    together: dict[tuple[UUID, datetime], list[Claim]] = {}
    alone: list[Parcel] = []
    for row in rows:
        claimed = _claim(row, lease_until)
        if row.kind == "invitation" or "calendar" in row.content:
            alone.append(Parcel((claimed,)))
        else:
            together.setdefault((row.user_id, row.held_until), []).append(claimed)
    return [
        Parcel(tuple(sorted(claims, key=attrgetter("due_at", "id"))))
        for claims in together.values()
    ] + alone


def _claim(row: Row[Any], lease_until: datetime) -> Claim:
    return Claim(
        id=row.id,
        kind=row.kind,
        content=row.content,
        due_at=row.due_at,
        wanted_at=row.held_until or row.due_at,
        late=row.late,
        attempts=row.attempts,
        lease_until=lease_until,
        language=row.language,
        timezone=row.timezone,
        to=Recipient(row.login, row.email, row.phone, row.telegram_chat_id, row.slack_webhook),
    )


async def ours(tx: AsyncSession, parcel: Parcel) -> set[UUID]:
    """The deliveries of a parcel that are still to be sent by who claimed them."""
    ids = [claimed.id for claimed in parcel.claims]
    return set(await tx.scalars(_OURS, {"ids": ids, "lease_until": parcel.first.lease_until}))


async def record(tx: AsyncSession, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Write down the outcomes of claims that are still ours.

    Returns:
        Those whose row is held by another transaction just now: record them again.
    """
    if not outcomes:
        return []
    columns = {
        name: [getattr(outcome, name) for outcome in outcomes]
        for name in Outcome.__dataclass_fields__
    }
    free = set(await tx.scalars(_RECORD, columns))
    telling.tell_of(tx, free)
    return [outcome for outcome in outcomes if outcome.id not in free]


async def next_due(
    tx: AsyncSession, channel: str, *, now: datetime, until: datetime
) -> datetime | None:
    """The first instant after ``now`` and not after ``until`` at which something falls due."""
    found: datetime | None = await tx.scalar(
        _NEXT_DUE, {"channel": channel, "now": now, "until": until}
    )
    return found
