"""Claiming deliveries for a while, and recording what became of them, many rows at a time.

A claim is a check before sending: whoever cancels, declines or edits has withdrawn the row in the
same transaction, so what can be claimed is meant. What waited after that is checked once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from notilog.notifications.attempts import Outcome
from notilog.notifications.channels.channel import Recipient

LEASE = timedelta(seconds=30)
"""By the clocks of the workers' machines, which must agree: see the README."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to send until ``lease_until``."""

    id: UUID
    kind: str
    content: dict[str, Any]
    due_at: datetime
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
class Claimed:
    """What a claim found; ``rows`` counts the missed ones too, which are not to be sent."""

    claims: list[Claim]
    rows: int


# Never tried and its occurrence began: a reminder of it would be noise, the record is enough.
_CLAIM = text(
    """
    WITH due AS (
        SELECT id, COALESCE(attempts = 0 AND last_error IS NULL
                            AND starts_at <= :now AND due_at < :late_before, false) AS missed
        FROM deliveries
        WHERE channel = :channel AND status IN ('pending', 'sending') AND attempt_at <= :now
        ORDER BY priority, attempt_at
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE deliveries AS d
    SET status = CASE WHEN due.missed THEN 'missed' ELSE 'sending' END,
        attempts = d.attempts + CASE WHEN due.missed THEN 0 ELSE 1 END,
        attempt_at = :lease_until,
        late = d.late OR d.due_at < :late_before
    FROM due, users AS u
    WHERE d.id = due.id AND u.id = d.user_id
    RETURNING d.priority, due.missed, d.id, d.kind, d.content, d.due_at, d.late, d.attempts,
              u.language, u.timezone,
              u.login, u.email, u.phone, u.telegram_chat_id, u.slack_webhook
    """
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

_IS_OURS = text(
    """
    SELECT 1 FROM deliveries
    WHERE id = :id AND status = 'sending' AND attempt_at = :lease_until
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
    """Take up to ``limit`` deliveries that are due, the most urgent first.

    Rows whose lease ran out are due again: whoever held them died, or could not record.
    """
    lease_until = now + LEASE
    found = (
        await tx.execute(
            _CLAIM,
            {
                "channel": channel,
                "now": now,
                "limit": limit,
                "late_before": now - late_after,
                "lease_until": lease_until,
            },
        )
    ).all()
    ours = sorted((row for row in found if not row.missed), key=attrgetter("priority"))
    claims = [_claim(row, lease_until) for row in ours]
    return Claimed(claims, len(found))


def _claim(row: Row[Any], lease_until: datetime) -> Claim:
    return Claim(
        id=row.id,
        kind=row.kind,
        content=row.content,
        due_at=row.due_at,
        late=row.late,
        attempts=row.attempts,
        lease_until=lease_until,
        language=row.language,
        timezone=row.timezone,
        to=Recipient(row.login, row.email, row.phone, row.telegram_chat_id, row.slack_webhook),
    )


async def is_ours(tx: AsyncSession, claimed: Claim) -> bool:
    """Whether it is still to be sent by who claimed it."""
    found = await tx.scalar(_IS_OURS, {"id": claimed.id, "lease_until": claimed.lease_until})
    return found is not None


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
    return [outcome for outcome in outcomes if outcome.id not in free]


async def next_due(
    tx: AsyncSession, channel: str, *, now: datetime, until: datetime
) -> datetime | None:
    """The first instant after ``now`` and not after ``until`` at which something falls due."""
    found: datetime | None = await tx.scalar(
        _NEXT_DUE, {"channel": channel, "now": now, "until": until}
    )
    return found
